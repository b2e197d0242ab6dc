//! What tool repair looks for, made of the configuration.

use lingate_codec::transform::tool_repair::{Catalogue, Pattern, PatternError, PatternKind, Selection};
use lingate_config::{Config, PatternType, ToolPattern, ToolRepair, VirtualModel};
use std::sync::Arc;

/// The built-in patterns and the operator's.
pub(crate) struct Catalogues {
    patterns: Vec<Pattern>,
    all: Arc<Catalogue>,
}

impl Catalogues {
    /// # Errors
    /// Names the key of the configuration at fault.
    pub(crate) fn build(config: &Config) -> Result<Self, String> {
        let patterns: Vec<Pattern> = config.tool_patterns.iter().map(pattern).collect();
        let all = Catalogue::build(&patterns, &Selection::All).map_err(|error| told(&error, "tool_patterns"))?;
        Ok(Self { patterns, all: Arc::new(all) })
    }

    /// All patterns.
    pub(crate) fn all(&self) -> &Arc<Catalogue> {
        &self.all
    }

    /// The patterns that a virtual model names; `None` if it names none. `place`: where it stands in the file.
    ///
    /// # Errors
    /// Names the key of the configuration at fault.
    pub(crate) fn of(&self, model: &VirtualModel, place: usize) -> Result<Option<Arc<Catalogue>>, String> {
        let ToolRepair::Patterns(names) = &model.tool_repair else { return Ok(None) };
        let catalogue = Catalogue::build(&self.patterns, &Selection::Only(names.clone()));
        let catalogue = catalogue.map_err(|error| told(&error, &format!("virtual_models[{place}].tool_repair")))?;
        Ok(Some(Arc::new(catalogue)))
    }
}

/// `key`: what is at fault if no single pattern is.
fn told(error: &PatternError, key: &str) -> String {
    match error.index {
        Some(index) => format!("tool_patterns[{index}].regex_pattern: {}", error.message),
        None => format!("{key}: {}", error.message),
    }
}

fn pattern(from: &ToolPattern) -> Pattern {
    let kind = match from.kind {
        PatternType::Fence => PatternKind::Fence,
        PatternType::Inline => PatternKind::Inline,
        PatternType::Xml => PatternKind::Xml,
        PatternType::Bracket => PatternKind::Bracket,
        PatternType::Action => PatternKind::Action,
    };
    Pattern {
        name: from.name.clone(),
        kind,
        regex: from.regex.clone(),
        tool_name: from.tool_name.clone(),
        tool_name_group: from.tool_name_group,
        tool_name_json_path: from.tool_name_json_path.clone(),
        tool_name_mapping: from.tool_name_mapping.clone(),
        parameter_mapping: from.parameter_mapping.clone(),
        enabled: from.enabled,
        priority: from.priority,
    }
}

#[cfg(test)]
mod tests {
    use super::Catalogues;
    use lingate_config::{Config, FixedEnvironment, parse};

    const ENDPOINT: &str = "endpoints:\n  - { name: up, type: vllm, url: \"http://127.0.0.1:1/v1\" }\n";

    fn config(patterns: &str, repair: &str) -> Config {
        let model = format!(
            "virtual_models:\n  - {{ name: m, targets: [{{ endpoint: up, model: real }}], tool_repair: {repair} }}\n"
        );
        let text = format!("clients: {{ auth: open }}\n{ENDPOINT}{model}tool_patterns: {patterns}\n");
        parse(&text, "test.yaml", &FixedEnvironment::new()).unwrap().config
    }

    /// What is wrong with a configuration.
    fn fault(patterns: &str, repair: &str) -> Option<String> {
        let config = config(patterns, repair);
        let built = Catalogues::build(&config);
        built.and_then(|catalogues| catalogues.of(&config.virtual_models[0], 0)).err()
    }

    #[test]
    fn faults_name_their_keys() {
        let own = |regex: &str| format!("[{{ pattern_name: mine, pattern_type: inline, regex_pattern: '{regex}' }}]");
        let good = own(r"CALL (\w+) (\{.*?\})");
        assert_eq!(fault("[]", "auto"), None);
        assert_eq!(fault(&good, "[mine]"), None);
        let unclosed = fault(&own("CALL (x"), "auto").unwrap();
        assert!(unclosed.starts_with("tool_patterns[0].regex_pattern: "), "{unclosed}");
        let look_around = fault(&own(r"CALL (?=x)(x)"), "off").unwrap();
        assert!(look_around.starts_with("tool_patterns[0].regex_pattern: "), "{look_around}");
        let unknown = fault(&good, "[mine, yours]").unwrap();
        assert!(unknown.starts_with("virtual_models[0].tool_repair: ") && unknown.contains("yours"), "{unknown}");
    }
}
