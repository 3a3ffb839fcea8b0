//! The schemas of what is read and what is written, each under its type's name.

use schemars::{
    JsonSchema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value};

/// Where a document keeps its schemas.
const COMPONENTS: &str = "/components/schemas";

/// Collects the schemas that a document needs.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = COMPONENTS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of what is read as this type.
    pub(super) fn read<T: JsonSchema>(&mut self) -> Value {
        plain(self.read.subschema_for::<T>())
    }

    /// The schema of what is written of this type: every field is there, unless it may be skipped.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        plain(self.written.subschema_for::<T>())
    }

    /// All that were referred to, by name.
    pub(super) fn components(mut self) -> Map<String, Value> {
        let read = self.read.take_definitions(true);
        let mut all = self.written.take_definitions(true);
        all.extend(read);
        for schema in all.values_mut() {
            tidy(schema);
        }
        all
    }
}

fn plain(schema: schemars::Schema) -> Value {
    let mut schema = schema.to_value();
    tidy(&mut schema);
    schema
}

/// Takes out what says nothing to a reader: that a field which may be left out is null then, the widths of Rust's integers, and
/// where lines of the sources end.
fn tidy(schema: &mut Value) {
    let mut tidy = RecursiveTransform(|schema: &mut schemars::Schema| {
        if schema.get("default") == Some(&Value::Null) {
            schema.remove("default");
        }
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ");
        }
        let is_width = |format: &Value| format.as_str().is_some_and(|text| text.contains("int"));
        if schema.get("format").is_some_and(is_width) {
            schema.remove("format");
        }
    });
    if let Ok(schema) = <&mut schemars::Schema>::try_from(schema) {
        tidy.transform(schema);
    }
}
