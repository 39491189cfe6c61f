//! Chat platforms from end to end: signed webhooks into a running node, answers out at the platform.

mod discord;
mod files;
mod gateway;
mod once;
mod shop;
mod slack;
mod twilio;
mod unknown;
mod whatsapp;
