//! One customer of the platform: plan, keys, settings, webhooks, segments
