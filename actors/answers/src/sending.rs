//! Giving a message to its platform: once, and again only within a bound.
//!
//! Each try is granted by the conversation before it begins, so that also after a crash it is known
//! whether one may have come through. What then happens is the platform's ([`Channel::bound`]): Slack
//! and Twilio are asked what they have; Discord takes a repeated message for the same one; WhatsApp
//! has neither, but its status reports carry our id and settle the message when they come
//! (`Command::RecordStatus`). What stays unknown past the bound fails with `outcome_unknown`, in the
//! conversation for people to see, and a report that comes later still corrects that.

use std::sync::Arc;

use impresario_conversation::{Answer, Command, Conversation, Outcome, Query, SentMessage};
use impresario_messages::{Address, Channel as Kind, Outgoing, SendClass, SendError, Window};
use impresario_outbox::{Errand, Ran};
use impresario_router::{AskError, Failure};

use crate::channels::{Attempt, Channel};
use crate::desk::Desk;
use crate::house::House;

/// A message that could not be sent for so long is out of place, in milliseconds.
const AGE_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// A platform that wants a longer wait, in milliseconds, gets the message no more: what is said after
/// it cannot wait so long.
const HELD_MS_MAX: i64 = 60 * 60 * 1_000;
/// Between two looks for the report that settles a message, at least, in milliseconds.
const LOOK_MS: i64 = 250;

/// What the conversation says to the wish to send.
enum Grant {
    /// For the first time.
    First,
    /// What is known of the tries before.
    Again(Option<Box<SentMessage>>),
    Not(Ran),
}

impl House {
    /// Sends a message to a customer.
    pub(crate) async fn send(
        self: &Arc<Self>,
        errand: &Errand,
        outgoing: &Outgoing,
        extra: &[(String, String)],
        heard_ms: i64,
    ) -> Result<Ran, Failure> {
        let desk = self.desk(errand.source.tenant).await?;
        let id = outgoing.id.clone();
        let Some(channel) = way(&desk, &outgoing.address) else {
            let command = if has_platform(outgoing.address.channel) {
                Command::RecordUnsent { outgoing: id, code: "connection_unknown".to_owned() }
            } else {
                // Whoever reads it looks at the conversation: the widget, a program.
                Command::RecordSent { outgoing: id, platform_ids: Vec::new() }
            };
            return self.tell_conversation(errand, command, b"sent/").await;
        };
        if self.now().since_ms(errand.at) > AGE_MS_MAX {
            let command = Command::RecordUnsent { outgoing: id, code: "too_late".to_owned() };
            return self.tell_conversation(errand, command, b"sent/").await;
        }
        let now_ms = self.now().as_ms();
        let window = Window::default().heard(heard_ms, is_led_by_ad(extra));
        let fitting = channel.fit(outgoing, window, now_ms);
        let outgoing = &*fitting;
        let (sent, in_doubt) = match self.grant(errand, outgoing, channel).await? {
            Grant::Not(ran) => return Ok(ran),
            Grant::First => (Vec::new(), false),
            Grant::Again(known) => {
                let sending = known.and_then(|known| known.sending).unwrap_or_default();
                (sending.ids(), sending.tries > 1)
            }
        };
        let attempt = Attempt {
            now_ms,
            since_ms: errand.at.as_ms(),
            heard_ms,
            window,
            extra,
            sent,
            in_doubt,
        };
        match channel.send(outgoing, attempt).await {
            Ok(sent) => {
                let platform_ids = sent.platform_ids.into_iter().filter(|id| !id.is_empty());
                let platform_ids = platform_ids.collect();
                let command = Command::RecordSent { outgoing: id, platform_ids };
                self.tell_conversation(errand, command, b"sent/").await
            }
            Err(error) => self.not_sent(errand, id, error).await,
        }
    }

    /// Asks the conversation for one try.
    async fn grant(
        &self,
        errand: &Errand,
        outgoing: &Outgoing,
        channel: &Channel,
    ) -> Result<Grant, Failure> {
        let bound = channel.bound(i64::from(self.parts.options.report_wait_ms));
        let command = Command::BeginSend {
            outgoing: outgoing.id.clone(),
            parts: u32::try_from(channel.parts(outgoing)).unwrap_or(u32::MAX),
            wait_ms: bound.wait_ms,
            tries_max: bound.tries_max,
        };
        // Without a key: a remembered answer would grant it again.
        let asked = self.ask::<Conversation>(errand.source, command, None, errand.trace).await;
        let outcome = match asked {
            Ok(reply) => reply.outcome,
            Err(AskError::Rejected(_)) => return Ok(Grant::Not(Ran::Done)),
            Err(AskError::Failed(failure)) => return Err(failure),
        };
        Ok(match outcome {
            Outcome::Granted => Grant::First,
            Outcome::GrantedAgain => {
                let query = Query::Sending { outgoing: outgoing.id.clone() };
                match self.query::<Conversation>(errand.source, query, errand.trace).await? {
                    Answer::Sending(known) => Grant::Again(known),
                    Answer::Conversation(_) | Answer::Work(_) => Grant::Again(None),
                }
            }
            Outcome::AlreadyBegun => {
                Grant::Not(Ran::Again { wait_ms: Some(LOOK_MS), code: "report_awaited" })
            }
            Outcome::Done
            | Outcome::Unchanged
            | Outcome::Duplicate
            | Outcome::Held
            | Outcome::Stale
            | Outcome::TooManyCalls
            | Outcome::HandedOff => Grant::Not(Ran::Done),
        })
    }

    /// A try failed, or has no known outcome.
    async fn not_sent(
        &self,
        errand: &Errand,
        outgoing: String,
        error: SendError,
    ) -> Result<Ran, Failure> {
        let SendError { class, sent, .. } = error;
        let (unknown, wait_ms, code) = match class {
            SendClass::Retry { after_ms: Some(ms) } if ms > HELD_MS_MAX => {
                return self.unsent(errand, outgoing, "held_back".to_owned()).await;
            }
            SendClass::Retry { after_ms } => (false, after_ms, "platform_busy"),
            SendClass::Unknown => (true, None, "platform_unknown"),
            SendClass::Refused { code } => return self.unsent(errand, outgoing, code).await,
            SendClass::WindowClosed => {
                return self.unsent(errand, outgoing, "window_closed".to_owned()).await;
            }
            SendClass::OptedOut => {
                let stop = Command::RecordConsent { stopped: true };
                self.tell_conversation(errand, stop, b"stop/").await?;
                return self.unsent(errand, outgoing, "opted_out".to_owned()).await;
            }
        };
        let command = Command::PauseSend { outgoing, sent, unknown };
        match self.ask::<Conversation>(errand.source, command, None, errand.trace).await {
            Ok(_) | Err(AskError::Rejected(_)) => Ok(Ran::Again { wait_ms, code }),
            Err(AskError::Failed(failure)) => Err(failure),
        }
    }

    async fn unsent(
        &self,
        errand: &Errand,
        outgoing: String,
        code: String,
    ) -> Result<Ran, Failure> {
        let command = Command::RecordUnsent { outgoing, code };
        self.tell_conversation(errand, command, b"sent/").await
    }
}

/// The connection to an address, if it still is one to that platform.
fn way<'a>(desk: &'a Desk, address: &Address) -> Option<&'a Channel> {
    let channel = desk.channels.get(&address.connection)?;
    (channel.kind() == address.channel).then_some(&**channel)
}

/// Whether an advertisement led the customer here: that keeps the window open for longer. Where the
/// platform thinks otherwise it refuses.
fn is_led_by_ad(extra: &[(String, String)]) -> bool {
    extra.iter().any(|(name, value)| name == "referral.source_type" && value == "ad")
}

/// Whether somebody else brings the message to the customer.
const fn has_platform(channel: Kind) -> bool {
    match channel {
        Kind::WhatsApp | Kind::Twilio | Kind::Slack | Kind::Discord => true,
        Kind::Web | Kind::OpenAi | Kind::Api => false,
    }
}
