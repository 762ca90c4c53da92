//! Marks.

use std::sync::Arc;

use super::Instances;
use super::fixtures::*;
use crate::{AuditFilter, AuditKind, Mark, MarkHash, Purpose};

fn hash(number: u32) -> MarkHash {
    MarkHash(bytes(number))
}

pub(super) async fn c109_of_many_marks_at_once_one_is_first(on: &Instances) {
    let mut all = tokio::task::JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(if number % 2 == 0 { &on.one } else { &on.two });
        all.spawn(async move {
            let mark = store.mark(Purpose::ClientAssertion, hash(1), NOW, by());
            mark.await.unwrap()
        });
    }
    let marks = all.join_all().await;
    assert_eq!(marks.iter().filter(|mark| **mark == Mark::First).count(), 1);
    assert_eq!(
        on.two.is_marked(Purpose::ClientAssertion, hash(1)).await,
        Ok(true)
    );
}

pub(super) async fn c088_what_is_marked_for_one_purpose_is_not_for_another(on: &Instances) {
    let mark = async |purpose| on.one.mark(purpose, hash(1), NOW, by()).await;
    assert_eq!(mark(Purpose::ClientAssertion).await, Ok(Mark::First));
    assert_eq!(
        on.two.is_marked(Purpose::AccessToken, hash(1)).await,
        Ok(false)
    );
    assert_eq!(mark(Purpose::AccessToken).await, Ok(Mark::First));
    assert_eq!(mark(Purpose::AccessToken).await, Ok(Mark::Again));
    assert_eq!(
        on.one.is_marked(Purpose::AccessToken, hash(2)).await,
        Ok(false)
    );
}

pub(super) async fn a_mark_is_kept_until_its_time(on: &Instances) {
    for number in 0..2500 {
        let until = NOW.plus_secs(u64::from(number % 2));
        let mark = on.one.mark(Purpose::AccessToken, hash(number), until, by());
        mark.await.unwrap();
    }
    assert_eq!(on.two.purge_marks(NOW).await, Ok(0));
    assert_eq!(on.two.purge_marks(NOW.plus_secs(1)).await, Ok(1250));
    assert_eq!(
        on.one.is_marked(Purpose::AccessToken, hash(0)).await,
        Ok(false)
    );
    assert_eq!(
        on.one.is_marked(Purpose::AccessToken, hash(1)).await,
        Ok(true)
    );
}

pub(super) async fn c151_a_revoked_token_leaves_a_record_and_a_used_assertion_none(on: &Instances) {
    for purpose in [Purpose::ClientAssertion, Purpose::AccessToken] {
        for _ in 0..2 {
            on.one.mark(purpose, hash(1), NOW, by()).await.unwrap();
        }
    }
    let records = on
        .two
        .audit(&AuditFilter::default(), None, 10)
        .await
        .unwrap();
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [AuditKind::TokenRevoked]);
}
