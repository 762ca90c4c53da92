//! Long lists, and the audit trail among them.

use super::*;

#[tokio::test]
async fn lists_come_in_pages() {
    let (service, _, root) = set_up().await;
    for name in ["bob", "eve", "zoë"] {
        service.add_user(name, PASSWORD).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/users?limit=3{cursor}");
        let page = get(&service, &root.token, &path).await.json();
        let users = page["users"].as_array().unwrap();
        names.extend(
            users
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["ada", "bob", "eve", "zoë"]);
    let mut records = 0;
    let mut cursor = String::new();
    loop {
        let page = get(&service, &root.token, &format!("/audit?limit=2{cursor}"))
            .await
            .json();
        records += page["records"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(records, changes(&service).await);
    for wrong in [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=%00",
        "cursor=!",
        "limit=1&limit=2",
    ] {
        let answer = get(&service, &root.token, &format!("/users?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    for wrong in ["kind=x", "since=yesterday", "user_id=ada", "cursor=YQ"] {
        assert_eq!(
            get(&service, &root.token, &format!("/audit?{wrong}"))
                .await
                .status,
            400,
            "{wrong}"
        );
    }
    let of_a_kind = get(&service, &root.token, "/audit?kind=role&since=1h")
        .await
        .json();
    assert_eq!(of_a_kind["records"][0]["kind"], "role.added");
}
