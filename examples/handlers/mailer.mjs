#!/usr/bin/env node
// Sends a mail for every order that is submitted: mailer.py again, for Node (docs/handlers.md).
//
// Events come on stdin, one CloudEvents JSON object a line; each is answered by one line on stdout. An event is awaited
// before the next is read. Nothing else may be written to stdout: use console.error.

import { createInterface } from "node:readline";

async function handle(event) {
  const { email } = event.data;
  if (!email) throw new Error("the order has no email");
  // Send it here, with the event's id as its Message-ID: it may come twice.
  console.error(`to ${email}: Your order ${event.subject}`);
}

const answer = (line) => process.stdout.write(JSON.stringify(line) + "\n");

answer({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  try {
    await handle(event);
    answer({ id: event.id, ok: true });
  } catch (error) {
    answer({ id: event.id, error: String(error), retry: error.code === "ECONNREFUSED" });
  }
}
