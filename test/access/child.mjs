/**
 * A process for kill.test.ts to kill: appends to the audit log as fast as it can and says each number once it has been told that it stands.
 *
 *   node child.mjs DIRECTORY
 */
import { openAuditLog } from '../../dist/src/access/index.js'

const opened = openAuditLog(process.argv[2], () => Date.now())
if (!opened.ok) throw new Error(opened.error.message)
for (let at = 0; at < 5000; at++) {
  const done = opened.value.append({
    ...{
      what: 'meter-write',
      who: { kind: 'user', id: 'u-1', name: 'li.na' },
      from: 'local',
      on: `meter:M-${at}`,
      outcome: 'done',
      why: null,
    },
    after: { at },
  })
  if (!done.ok) throw new Error(done.error.message)
  process.stdout.write(`${done.value.seq}\n`)
}
