//! `--json` everywhere: what a program reads of the commands that look, and of those that change.

use super::support::*;

/// What changes files of this machine, and is nothing for programs elsewhere.
const WITHOUT: [&str; 2] = ["user import", "keys change-encryption-key"];

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<&str> {
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "help")
        .collect()
}

#[test]
fn every_command_of_operators_prints_json() {
    let folder = folder();
    let folder = folder.path();
    let mut seen = 0;
    for topic in [
        "user", "client", "session", "role", "group", "record", "access", "grant", "consent",
        "keys", "audit",
    ] {
        let help = ok(folder, &[topic, "--help"], "");
        for name in commands(&help) {
            let command = format!("{topic} {name}");
            let help = ok(folder, &[topic, name, "--help"], "");
            let has = help.contains("--json");
            assert_eq!(has, !WITHOUT.contains(&command.as_str()), "{command}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn a_change_prints_what_came_of_it() {
    let folder = folder();
    let folder = folder.path();
    add_user(folder, "bob");
    let changed = |command: &str| {
        let args: Vec<_> = command.split(' ').collect();
        list(folder, &args)
    };
    let with_password = |args: &[&str]| -> Value {
        let said = ok(folder, &with(args), PASSWORD);
        serde_json::from_str(&said).unwrap()
    };
    let alice = with_password(&["user", "add", "alice", "--password-stdin", "--json"]);
    assert!(alice["id"].as_str().unwrap().starts_with("usr_"));
    assert_eq!(alice, list(folder, &["user", "list"])[0]);
    assert_eq!(
        changed("user set alice --scope notes:read")["scopes"],
        "notes:read"
    );
    assert!(changed("user disable alice")["disabled_at"].is_string());
    assert!(changed("user enable alice")["disabled_at"].is_null());
    let passwd = with_password(&["user", "passwd", "alice", "--password-stdin", "--json"]);
    assert_eq!(passwd["id"], alice["id"]);
    assert_eq!(changed("session end --user alice"), json!({"ended": 0}));
    assert_eq!(changed("grant revoke --user alice"), json!({"ended": 0}));

    add_client(folder, "web", &["--origin", "https://ui.example.com"]);
    let args = ["--grant", "client_credentials"];
    add_client(folder, "worker", &args);
    assert_eq!(changed("client set web --ttl 60")["ttl"], 60);
    assert_eq!(changed("client set worker --ttl 60")["kind"], "oauth");
    assert!(changed("client disable worker")["disabled_at"].is_string());
    assert!(changed("client enable worker")["disabled_at"].is_null());
    let secret = changed("client show worker")["secrets"][0]["id"].clone();
    let drop = format!("client drop-secret worker {}", secret.as_str().unwrap());
    assert_eq!(
        changed(&drop),
        json!({"client_id": "worker", "secret_id": secret})
    );

    let role = changed("role add reader --permission notes:read");
    assert_eq!(role["permissions"], json!(["notes:read"]));
    let role = changed("role set reader --add-permission notes:list");
    assert_eq!(role, changed("role show reader"));
    let group = changed("group add readers --member user:alice");
    assert_eq!(group["members"], 1);
    assert_eq!(changed("group add others")["members"], 0);
    assert_eq!(changed("group add-member readers user:bob")["members"], 2);
    assert_eq!(
        changed("group remove-member readers user:bob")["members"],
        1
    );
    let record = changed("record add group:readers reader /notes/**");
    assert_eq!(record, changed("record list")[0]);
    assert_eq!(record, changed("record add group:readers reader /notes/**"));
    let other = changed("record add user:alice reader /notes/**");
    let id = other["id"].as_str().unwrap();
    assert_eq!(changed(&format!("record remove {id}")), json!({"id": id}));
    assert_eq!(
        changed("role remove reader --with-records"),
        json!({"name": "reader", "records": 1})
    );
    assert_eq!(
        changed("group remove readers"),
        json!({"name": "readers", "records": 0})
    );

    assert_eq!(changed("client remove web"), json!({"client_id": "web"}));
    let kid = changed("keys rotate --emergency")["kid"].clone();
    assert_eq!(changed("keys list")[0]["kid"], kid);
    assert_eq!(changed("keys rotate --refresh")["kid"], "refresh-2");
    let removed = changed("user remove alice");
    assert_eq!(removed["id"], alice["id"]);
}
