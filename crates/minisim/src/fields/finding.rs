//! What is wrong, or doubtful, with a spec, and what to do about it.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The spec is refused.
    Error,
    /// The spec runs, but perhaps not as meant.
    Warning,
}

impl Severity {
    /// `"error"` or `"warning"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing to say about a spec: the place, the value, the rule and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The field, e.g. `steps[3].falloff`; empty for the whole spec.
    pub path: String,
    /// Line in the text that was read, from 1.
    pub line: Option<u32>,
    /// Column in that line, in characters, from 1.
    pub column: Option<u32>,
    /// The value as written, as JSON and shortened; empty when there is none.
    pub value: String,
    /// What must hold.
    pub rule: String,
    /// What to do.
    pub remedy: String,
    /// All of it in one sentence, without line and column.
    pub message: String,
}

impl Finding {
    /// An error about the field `path`.
    pub fn error(
        path: impl Into<String>,
        value: impl Into<String>,
        rule: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, path.into(), value.into(), rule.into(), remedy.into())
    }

    /// A warning about the field `path`.
    pub fn warning(
        path: impl Into<String>,
        value: impl Into<String>,
        rule: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, path.into(), value.into(), rule.into(), remedy.into())
    }

    fn new(severity: Severity, path: String, value: String, rule: String, remedy: String) -> Self {
        let place = match (path.as_str(), value.as_str()) {
            ("", "") => "the spec".to_owned(),
            ("", value) => value.to_owned(),
            (path, "") => path.to_owned(),
            (path, value) => format!("{path} = {value}"),
        };
        let mut message = format!("{place}: {rule}");
        if !remedy.is_empty() {
            message = format!("{message}; {remedy}");
        }
        Self { severity, path, line: None, column: None, value, rule, remedy, message }
    }

    /// The finding with its place in the text.
    #[must_use]
    pub fn at(self, line: u32, column: u32) -> Self {
        Self { line: Some(line), column: Some(column), ..self }
    }

    /// The finding as a JSON object with the keys of the fields.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "severity": self.severity.name(),
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
            "message": self.message,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a spec, at once.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Report {
    /// The findings, in the order of the text; at least one error.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of one finding.
    #[must_use]
    pub fn of(finding: Finding) -> Self {
        Self { findings: vec![finding] }
    }
}

impl From<Finding> for Report {
    fn from(finding: Finding) -> Self {
        Self::of(finding)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.findings.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
