/**
 * A process for kill.test.ts to kill. It takes messages as fast as they are acknowledged, and writes what was acknowledged to stdout.
 *
 *   node child.mjs arrivals|letters FILE FIRST
 */
import { openArrivals, openLetters } from '../../dist/src/push/index.js'

const [mode, path, first] = process.argv.slice(2)
const opened = await (mode === 'arrivals' ? openArrivals : openLetters)({ path, maxBytes: 200_000 })
if (!opened.ok) throw new Error(opened.error.message)
const room = opened.value
const payload = (id) => new TextEncoder().encode(`{"message": ${id}`)
const error = { code: 'MAPPING_JSON', message: 'no end', recovery: 'skip', hint: 'see the payload', context: {} }

const takeOne = {
  arrivals: async (id) => {
    const instant = await room.assign(`mqtt ${id}`, 'power', payload(id), 1_760_000_000_000 + id, false)
    if (instant.ok) process.stdout.write(`${id}\n`)
  },
  letters: async (id) => {
    const bytes = payload(id)
    const added = await room.add({
      source: 'mqtt',
      topic: `meters/${id}`,
      payload: bytes,
      bytes: bytes.length,
      at: id,
      error,
      retained: false,
    })
    if (!added.ok) return
    process.stdout.write(`${id} ${added.value}\n`)
    if (id % 10 === 0 && (await room.discard([added.value])).ok) process.stdout.write(`${id} gone\n`)
  },
}[mode]

process.stdout.write('ready\n')
let next = Number(first)
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) await takeOne(next++)
  }),
)
