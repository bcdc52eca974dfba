/**
 * A billing system for billing-kill.test.ts to kill: follows the changes of released figures and keeps them in tables of its own. What it took and where
 * it is are one transaction.
 *
 *   node billing-consumer.mjs FILE ADDRESS TOKEN [--drain]
 *
 * Says `at N` when it begins and after each piece. With --drain it ends when there is no more.
 */
import { writeSync } from 'node:fs'
import { inTransaction, openDatabase } from '../../dist/src/sqlite/index.js'

const [file, address, token, drain] = process.argv.slice(2)
const database = openDatabase(file)
database.exec(`
  CREATE TABLE IF NOT EXISTS figure (point TEXT, at TEXT, register TEXT, version INTEGER, value TEXT, primary_value TEXT, PRIMARY KEY (point, at, register));
  CREATE TABLE IF NOT EXISTS taken (seq INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS place (name TEXT PRIMARY KEY, since INTEGER);
  INSERT OR IGNORE INTO place VALUES ('changes', 0);`)
const since = () => database.prepare('SELECT since FROM place').get().since
const wrong = (change, why) => {
  writeSync(2, `WRONG ${why}: ${JSON.stringify(change)}\n`)
  process.exit(3)
}

const take = (change) => {
  const { seq, kind, point, at, register, version, old } = change
  // A number that was taken already throws here.
  database.prepare('INSERT INTO taken VALUES (?)').run(seq)
  const mine = database.prepare('SELECT version, value FROM figure WHERE point = ? AND at = ? AND register = ?').get(point, at, register)
  if ((mine?.value ?? null) !== (old?.value ?? null)) wrong(change, `I have ${JSON.stringify(mine ?? null)}`)
  if ((kind === 'new') !== (mine === undefined)) wrong(change, 'new is what I do not have')
  if (kind === 'withdrawn') database.prepare('DELETE FROM figure WHERE point = ? AND at = ? AND register = ?').run(point, at, register)
  else
    database
      .prepare('INSERT OR REPLACE INTO figure VALUES (?, ?, ?, ?, ?, ?)')
      .run(point, at, register, version, change.new.value, change.new.primary)
}

process.stdout.write(`at ${since()}\n`)
for (;;) {
  const query = `since=${since()}&limit=7&waitS=${drain ? 0 : 1}`
  const answer = await fetch(`${address}/api/v1/billing/changes?${query}`, { headers: { authorization: `Bearer ${token}` } }).catch(
    () => null,
  )
  if (answer === null || !answer.ok) {
    // The gateway is gone or busy; whoever started this one starts it again.
    if (drain) writeSync(2, `no answer: ${answer?.status}\n`)
    process.exit(4)
  }
  const { items, next, more } = await answer.json()
  inTransaction(database, () => {
    for (const change of items) take(change)
    database.prepare('UPDATE place SET since = ?').run(next)
  })
  process.stdout.write(`at ${next}\n`)
  if (drain && !more) break
}
database.close()
