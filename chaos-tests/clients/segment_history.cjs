// Sends a shop's history with the official Segment library for Node.
//
// Usage: node segment_history.cjs HOST WRITE_KEY CSV
// The CSV has the columns customer, date, quantity, amount.

const fs = require("node:fs");
const { Analytics } = require("@segment/analytics-node");

async function main() {
  const [host, writeKey, path] = process.argv.slice(2);
  const failures = [];
  const analytics = new Analytics({ host, writeKey, maxEventsInBatch: 50, flushInterval: 100 });
  analytics.on("error", (error) => failures.push(error));
  const seen = new Set();
  for (const line of fs.readFileSync(path, "utf8").trim().split("\n").slice(1)) {
    const [customer, date, quantity, amount] = line.split(",");
    const timestamp = new Date(`${date}T00:00:00Z`);
    const anonymousId = `anon-${customer}`;
    if (!seen.has(customer)) {
      seen.add(customer);
      analytics.page({ anonymousId, name: "Home", timestamp });
      const traits = { email: `${customer}@example.org`, plan: "free" };
      analytics.identify({ userId: customer, anonymousId, traits, timestamp });
    }
    const properties = { revenue: Number(amount), quantity: Number(quantity), currency: "EUR" };
    analytics.track({ userId: customer, event: "Order Completed", properties, timestamp });
  }
  await analytics.closeAndFlush({ timeout: 60_000 });
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

main();
