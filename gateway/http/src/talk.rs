//! Where people and programs talk to a tenant's assistant: the widget of a website, clients of the
//! OpenAI API, agents that speak the Model Context Protocol.

mod guard;
mod identity;
mod mcp;
mod openai;
mod page;
mod session;
mod site;
pub(crate) mod transcript;
mod watch;
mod widget;

#[cfg(test)]
mod tests;

pub(crate) use guard::Guard;
pub(crate) use mcp::ROUTES as MCP;
pub(crate) use openai::ROUTES as OPENAI;
pub(crate) use page::ROUTES as PAGE;
pub(crate) use widget::ROUTES as WIDGET;
