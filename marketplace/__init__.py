"""
Second Light: used cosmetic lasers, sold only to people who have proved they may use them.

The map, from the top of the house to its ground:

app, cli, dev            put the house together, command it, stand in for the world on a developer's machine
web, jobs, adapters      pages by audience; background work; Stripe, disks, mail
privacy                  what is held about a person: told to them, handed over, and how one goes
watching, desks          what people keep an eye on; what waits on the desks of staff
wants                    what buyers look for, held against what sellers have
leads                    what people want arranged around a device, and to whom it was handed on
guides                   what makers ask of second owners, what was paid for such devices
messages                 what the two sides of an order write to each other
reviews                  what buyers say of completed sales, and what a seller's history earns
orders                   promise, hold, dispatch, arrival, acceptance
sheets                   tables of many listings, in and out
inspections              a third person looks at a unit before it is bought, and signs
questions                what buyers ask of a unit, and what its seller answered
listings                 units for sale and how they are found
partners                 resellers elsewhere who ask the gate about somebody who agreed, and are given a receipt
eligibility              THE GATE: who may buy what, where, and why
credentials, payments    what people proved; the money
recalls, catalog         which recalls concern which model; makers and models
documents, registers     private files; public rosters and lists as they were on a day
clinics                  organisations, sites, members
accounts                 people, sign-in, permissions
trail                    the audit trail outside of the house: signed, kept elsewhere, verified by anybody
links, notifications     mailed links that serve once; messages that follow events
audit, queue             the chained record; promises kept inside the transaction
extensions               the database and the unit of work
kernel, config           words and tools without business; settings
"""
