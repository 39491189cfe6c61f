use impresario_calls::{Secret, check_base_url, missing};
use impresario_messages::Problem;
use serde::Deserialize;

/// One workspace of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The bot's token (`xoxb-…`).
    pub bot_token: Secret,
    /// What Slack signs its requests with.
    pub signing_secret: Secret,
    /// The workspace (`T…`), if only this one may speak.
    #[serde(default)]
    pub team_id: Option<String>,
    /// The bot's own user (`U…`): its mentions are taken out of what people write.
    #[serde(default)]
    pub bot_user_id: Option<String>,
    /// Answer in channels without being mentioned.
    #[serde(default)]
    pub answer_all: bool,
    /// Where the Web API is. Only the operator may set it, never a tenant.
    #[serde(default = "base_url")]
    pub base_url: String,
}

fn base_url() -> String {
    "https://slack.com/api".to_owned()
}

impl Settings {
    /// What is wrong with them.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        missing("/bot_token", self.bot_token.expose(), &mut problems);
        missing("/signing_secret", self.signing_secret.expose(), &mut problems);
        check_base_url("/base_url", &self.base_url, &mut problems);
        let mut check = |pointer: &str, id: Option<&str>, kinds: [char; 2]| {
            if id.is_some_and(|id| !id.starts_with(kinds)) {
                problems.push(Problem {
                    pointer: pointer.to_owned(),
                    code: "setting_invalid",
                    message: format!("an id of Slack's begins with {} here", kinds[0]),
                });
            }
        };
        check("/team_id", self.team_id.as_deref(), ['T', 'E']);
        check("/bot_user_id", self.bot_user_id.as_deref(), ['U', 'W']);
        problems
    }
}
