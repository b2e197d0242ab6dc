//! What tool repair looks for, made of the configuration.

use lingate_codec::transform::tool_repair::{Catalogue, Pattern, PatternError, Selection};
use lingate_config::{Config, ToolPattern, ToolRepair, VirtualModel};
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
    Pattern { name: from.name.clone(), enabled: from.enabled }
}
