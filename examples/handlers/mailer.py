#!/usr/bin/env python3
"""Sends a mail for every order that is submitted: a handler for weir (docs/handlers.md).

Events come on stdin, one CloudEvents JSON object a line; each is answered by one line on stdout. A mail may be sent twice
when something dies at the wrong moment, so the event's id becomes the mail's Message-ID: a server or a reader that has
seen it can tell. Nothing else may be written to stdout; what is for the log goes to stderr.
"""

import json
import os
import smtplib
import sys
from email.message import EmailMessage

SERVER = os.environ.get("MAIL_SERVER")  # without one, mails are only shown on stderr


def mail(event):
    message = EmailMessage()
    message["Message-ID"] = f"<{event['id']}@shop.example>"
    message["From"] = "shop@shop.example"
    message["To"] = event["data"]["email"]  # a KeyError is an error of this event, and answered as one
    message["Subject"] = f"Your order {event['subject']}"
    message.set_content("Thank you. We will tell you when it is on its way.")
    return message


def handle(event):
    message = mail(event)
    if SERVER:
        with smtplib.SMTP(SERVER) as server:
            server.send_message(message)
    else:
        print(f"to {message['To']}: {message['Subject']}", file=sys.stderr, flush=True)


def answer(**line):
    print(json.dumps(line), flush=True)


answer(ready=True)
for line in sys.stdin:
    event = json.loads(line)
    try:
        handle(event)
        answer(id=event["id"], ok=True)
    except OSError as error:  # the mail server is away: not this event's fault
        answer(id=event["id"], error=str(error), retry=True)
    except Exception as error:
        answer(id=event["id"], error=f"{type(error).__name__}: {error}")
