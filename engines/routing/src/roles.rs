use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Kind, Level, Problem, Registry};

/// What a model is for; each tenant binds its own models to the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that answers by default.
    Primary,
    /// The one that answers when the first cannot; best of another provider.
    Secondary,
    /// The best there is, whatever it costs.
    Premium,
    /// The cheapest that is good enough, for many small things.
    Bulk,
    /// The one that thinks longest.
    Reasoning,
    /// The one that searches the web while it answers.
    LiveSearch,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] = [
        Self::Primary,
        Self::Secondary,
        Self::Premium,
        Self::Bulk,
        Self::Reasoning,
        Self::LiveSearch,
    ];

    /// The word of the JSON form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Premium => "premium",
            Self::Bulk => "bulk",
            Self::Reasoning => "reasoning",
            Self::LiveSearch => "live_search",
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Answering a customer.
    Conversation,
    /// Writing content.
    Content,
    /// What goes on in the market now.
    MarketAnalysis,
    /// Working with tools.
    ToolUse,
    /// Many small things: classifying, extracting, translating, summarising.
    Bulk,
    /// Planning and judging.
    Reasoning,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 6] = [
        Self::Conversation,
        Self::Content,
        Self::MarketAnalysis,
        Self::ToolUse,
        Self::Bulk,
        Self::Reasoning,
    ];
}

/// What matters most.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// The best answer.
    #[default]
    Quality,
    /// The cheapest answer.
    Cost,
    /// The soonest answer.
    Speed,
}

/// One row of a tenant's own task and priority table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The task.
    pub task: Task,
    /// The priority.
    pub priority: Priority,
    /// The role that takes it.
    pub role: Role,
}

/// A tenant's routing, as it is written in its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Model ids by role. A role without one is passed over.
    pub roles: BTreeMap<Role, String>,
    /// Rows in place of the default table's.
    pub table: Vec<Rule>,
    /// Who answers when the chosen role cannot, in this order; empty: primary, secondary, premium,
    /// and bulk last.
    pub chain: Vec<Role>,
    /// Tags that every model must have (residency, retention, …), whatever the request says.
    pub compliance: Vec<String>,
}

impl Settings {
    /// The role for a task, by this tenant's table or the default one.
    #[must_use]
    pub fn role(&self, task: Task, priority: Priority) -> Role {
        let own = self.table.iter().find(|row| row.task == task && row.priority == priority);
        own.map_or_else(|| default_role(task, priority), |row| row.role)
    }

    /// The role for a task, moved down or up by how hard the request looks: an easy conversation
    /// goes to the bulk model unless quality matters most, a hard one to the reasoning model unless
    /// cost does.
    #[must_use]
    pub fn role_for(&self, task: Task, priority: Priority, level: Level) -> Role {
        let role = self.role(task, priority);
        let bound = |role: Role| self.roles.contains_key(&role);
        match (role, level, priority) {
            (Role::Primary, Level::Simple, Priority::Cost | Priority::Speed)
                if bound(Role::Bulk) =>
            {
                Role::Bulk
            }
            (Role::Primary, Level::Complex, Priority::Quality) if bound(Role::Reasoning) => {
                Role::Reasoning
            }
            (Role::Bulk, Level::Complex, Priority::Quality | Priority::Speed)
                if bound(Role::Primary) =>
            {
                Role::Primary
            }
            (role, Level::Simple | Level::Moderate | Level::Complex, _) => role,
        }
    }

    /// The roles after the chosen one, without it.
    #[must_use]
    pub fn chain_after(&self, chosen: Role) -> Vec<Role> {
        let default = [Role::Primary, Role::Secondary, Role::Premium, Role::Bulk];
        let chain = if self.chain.is_empty() { &default[..] } else { &self.chain };
        chain.iter().copied().filter(|role| *role != chosen).collect()
    }

    /// What is wrong with these settings under a registry.
    #[must_use]
    pub fn validate(&self, registry: &Registry) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (role, id) in &self.roles {
            let pointer = format!("/roles/{}", role.as_str());
            match registry.model(id) {
                None => {
                    let message = format!("there is no model \"{id}\"");
                    problems.push(Problem::new(pointer, "model_unknown", message));
                }
                Some(model) if model.kind != Kind::Chat => {
                    let message = format!("\"{id}\" does not write text");
                    problems.push(Problem::new(pointer, "model_kind", message));
                }
                Some(model) if *role == Role::LiveSearch && !model.live_search => {
                    let message = format!("\"{id}\" cannot search the web");
                    problems.push(Problem::new(pointer, "model_without_search", message));
                }
                Some(_) => {}
            }
        }
        let mut seen = Vec::new();
        for (place, row) in self.table.iter().enumerate() {
            if seen.contains(&(row.task, row.priority)) {
                let message = "this task and priority have a row already";
                problems.push(Problem::new(format!("/table/{place}"), "row_twice", message));
            }
            seen.push((row.task, row.priority));
        }
        problems
    }
}

/// The table of LLM-10.
const fn default_role(task: Task, priority: Priority) -> Role {
    match (task, priority) {
        (Task::MarketAnalysis, Priority::Quality | Priority::Cost | Priority::Speed) => {
            Role::LiveSearch
        }
        (Task::Reasoning, Priority::Quality) => Role::Reasoning,
        (Task::Content, Priority::Quality) => Role::Premium,
        (Task::Conversation | Task::ToolUse, Priority::Quality)
        | (
            Task::Conversation | Task::ToolUse | Task::Reasoning,
            Priority::Speed | Priority::Cost,
        ) => Role::Primary,
        (Task::Bulk, Priority::Quality | Priority::Cost | Priority::Speed)
        | (Task::Content, Priority::Cost | Priority::Speed) => Role::Bulk,
    }
}
