//! When nothing is told yet, and when what was not taken is offered again.

use super::*;

#[test]
fn what_is_older_than_the_operation_is_not_told() {
    let check = |status: &str, expected: bool| {
        let text = format!("{{apiVersion: v1, kind: Application, status: {status}}}");
        let value = belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).expect("YAML");
        let app = Object::new(value).expect("an object");
        assert_eq!(turn::is_fresh(&app), expected, "{status}");
    };
    let at = |finished: &str, reconciled: &str| {
        format!("{{reconciledAt: '{reconciled}', operationState: {{phase: Succeeded, finishedAt: '{finished}'}}}}")
    };
    let (earlier, later) = ("2023-08-14T10:00:00Z", "2023-08-14T10:00:01Z");
    check("{}", true);
    check("{operationState: {}}", true);
    check("{operationState: {phase: Running, finishedAt: '2023-08-14T10:00:00Z'}}", true);
    check("{operationState: {phase: Failed}}", false);
    check("{operationState: {phase: Failed, finishedAt: never}}", false);
    check("{operationState: {phase: Failed, finishedAt: '2023-08-14T10:00:00Z'}}", false);
    check(&at(earlier, later), true);
    check(&at(earlier, earlier), true);
    check(&at(later, earlier), false);
    check(&at(later, earlier).replace("reconciledAt", &format!("observedAt: '{later}', reconciledAt")), true);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_offered_later_and_later() {
    let mut memory = Memory::default();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        memory.fail("key".into());
        pauses.push((memory.failed["key"].1 - Instant::now()).as_secs());
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
}
