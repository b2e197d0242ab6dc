//! The JSON Schema of the file, for editors.

use schemars::generate::SchemaSettings;

use crate::raw;

/// The JSON Schema (draft 7, which editors know best) of lingate's configuration file.
pub fn schema() -> serde_json::Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<raw::File>();
    let mut value = schema.to_value();
    if let Some(root) = value.as_object_mut() {
        root.insert("title".to_owned(), "lingate's configuration".into());
        // JSON files name their schema by this member.
        if let Some(properties) = root.get_mut("properties").and_then(|p| p.as_object_mut()) {
            properties.insert("$schema".to_owned(), serde_json::json!({ "type": "string" }));
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::schema;

    fn each_object(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    visit(properties);
                }
                map.values().for_each(|child| each_object(child, visit));
            }
            Value::Array(items) => items.iter().for_each(|child| each_object(child, visit)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        let mut keys = Vec::new();
        each_object(&schema, &mut |properties| {
            for (key, property) in properties {
                keys.push(key.clone());
                assert!(key == "$schema" || property.get("description").is_some(), "{key}: {property}");
            }
        });
        for key in ["listen", "virtual_models", "cache_write", "allow_model_management", "key_sha256", "type"] {
            assert!(keys.iter().any(|k| k == key), "{key}");
        }
        assert!(keys.len() > 90, "{}", keys.len());
    }

    #[test]
    fn unknown_keys_and_missing_names_are_refused() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], false);
        let endpoint = &schema["definitions"]["Endpoint"];
        assert_eq!(endpoint["additionalProperties"], false);
        assert_eq!(endpoint["required"], serde_json::json!(["name", "type"]));
        let kinds = endpoint["properties"]["type"]["enum"].as_array().unwrap();
        assert!(kinds.iter().any(|kind| kind == "ollama"), "{kinds:?}");
    }
}
