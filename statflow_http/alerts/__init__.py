"""Alerts: what is watched, what was found, and who is told. Nothing here knows HTTP's requests or answers.

Reading the source, from what only computes to what acts:

    rules, automatic     what somebody wants to be told, checked and stored
    numbers              from rows of a window to the numbers that a rule compares, for many rules at once; pure
    states               from a number to a state, and to what is worth telling; pure
    previews             what a rule would have told last month; pure but for one reading
    telling, mails, pictures, links
                         words, payloads, mails, the chart in them, and the links; pure
    receivers, notices, accounts, mail_settings
                         documents: who is told, what waits to be sent, how often, and by which mail server
    evaluation, news, anomalies
                         look at the stats, and put what is found into the outbox in the transaction that notes it
    sending, delivery    take it from there to the receivers, as often as it needs
    watch                the thread that does all this in one process of the server, and in another when that one dies
"""
