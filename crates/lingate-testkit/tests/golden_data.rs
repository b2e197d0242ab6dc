//! The golden cases themselves: sound in form, and accepted by the matcher and the accumulators.

#![expect(clippy::unwrap_used, reason = "test code: a failed unwrap fails the test")]

use lingate_testkit::golden::{Case, check, config_yaml, required_dialects, selftest};
use serde_json::{Value, json};

fn cases() -> Vec<Case> {
    Case::load_all().unwrap()
}

#[test]
fn every_case_is_sound() {
    let cases = cases();
    assert_eq!(cases.len(), 213);
    let faults: Vec<String> =
        cases.iter().flat_map(|case| check(case).into_iter().map(|fault| format!("{}: {fault}", case.name))).collect();
    assert_eq!(faults, Vec::<String>::new());
    let concepts: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.concept).collect();
    assert_eq!(concepts.len(), 33);
}

#[test]
fn every_case_of_the_sheets_is_sound_and_has_its_own_name() {
    let cases = Case::load_matrix().unwrap();
    let faults: Vec<String> =
        cases.iter().flat_map(|case| check(case).into_iter().map(|fault| format!("{}: {fault}", case.name))).collect();
    assert_eq!(faults, Vec::<String>::new());
    let names: std::collections::BTreeSet<_> =
        cases.iter().chain(&self::cases()).map(|case| case.name.clone()).collect();
    assert_eq!(names.len(), cases.len() + 213);
}

#[test]
fn golden_streams_satisfy_their_own_expectations() {
    let mut tested = 0;
    for case in cases() {
        if let Some(mismatches) = selftest(&case) {
            tested += 1;
            assert!(mismatches.is_empty(), "{}: {}", case.name, mismatches[0]);
        }
    }
    assert!(tested >= 5, "only {tested} cases could be tested");
}

#[test]
fn a_wrong_expectation_fails_on_golden_data() {
    let mut broken = 0;
    for case in cases().iter().filter(|case| selftest(case).is_some()) {
        let mut members = case.members.clone();
        members.insert(
            "expected_client_assembled".into(),
            json!({"content": "never said", "text": "never said", "lines": -1}),
        );
        let wrong = Case::from_json(&Value::Object(members)).unwrap();
        let mismatches = selftest(&wrong).unwrap();
        assert!(mismatches.iter().any(|mismatch| mismatch.at.starts_with("assembled.")), "{}", case.name);
        broken += 1;
    }
    assert!(broken >= 5);
}

#[test]
fn cases_can_be_listed_by_dialect_and_model() {
    let cases = cases();
    let pairs = cases.iter().filter(|case| required_dialects(case) == ("openai_chat", "anthropic")).count();
    assert_eq!(pairs, 46);
    let supported = cases.iter().filter(|case| case.supported_by(|client, backend| client == backend)).count();
    assert!((20..60).contains(&supported), "{supported}");
    let nameless: Vec<_> =
        cases.iter().filter(|case| case.client_models().is_empty()).map(|case| &*case.name).collect();
    // Requests without a known model: those about versions, lists and mistakes.
    assert!(nameless.len() < 20, "{nameless:?}");
    assert!(cases.iter().any(|case| case.client_models() == ["fx-openwebui"]));
}

#[test]
fn the_configuration_is_what_the_cases_ask_for() {
    let yaml = config_yaml("127.0.0.1:1".parse().unwrap(), std::path::Path::new("d"), &[]);
    let cases = cases();
    let models: std::collections::BTreeSet<_> = cases.iter().flat_map(Case::client_models).collect();
    assert!(models.len() >= 6, "{models:?}");
    for model in models {
        assert!(yaml.contains(&format!("name: {model}, type: ")), "{model}");
    }
}
