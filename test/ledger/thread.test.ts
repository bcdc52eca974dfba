import { expect, it, onTestFinished } from 'vitest'
import { LedgerThread } from '../../src/gateway/ledger-thread.ts'
import { act, bad, good, NOW, open, patch } from './support.ts'

it('writes in a thread of its own: the event loop goes on, changes come one after the other, the others see them', async () => {
  const { ledger, directory } = open()
  const world = { lines: [{ id: 'hall', modbus: 'tcp' as const }], brokers: [], profileDirectory: null }
  const thread = new LedgerThread({ directory, world })
  onTestFinished(() => thread.close())
  await thread.call('list', { kind: 'zone', limit: 1 })
  let beats = 0
  const beat = setInterval(() => {
    beats++
  }, 5)
  onTestFinished(() => clearInterval(beat))
  const patches = Array.from({ length: 4000 }, (_, n) => patch('point', `P-${n}`, { name: `point ${n}` }))
  const first = thread.call('apply', { patches, act: act() })
  const second = thread.call('apply', { patches: [patch('meter', 'M', { address: '1', point: 'P-7', line: 'moon' })], act: act() })
  const third = thread.call('undo', { seq: 1, act: act({ what: 'undo' }), dry: false })
  expect(good(await first)).toMatchObject({ change: 1, added: 4000 })
  expect(beats).toBeGreaterThan(2)
  expect(ledger.get('point', 'P-7', null)?.attributes.name).toBe('point 7')
  expect(bad(await second).problems).toMatchObject([{ code: 'LEDGER_REFERENCE' }])
  expect(good(await third).change).toBe(2)
  expect(ledger.seq).toBe(2)
  const plan = await thread.call('plan', { patches: [patch('zone', 'Z', {})], at: NOW })
  expect(plan).toMatchObject({ added: 1, problemCount: 0 })
  // A line that was added at run time is one from the next question on; what was asked before is answered.
  const onMoon = { patches: [patch('meter', 'M', { address: '000000000001', line: 'moon' })], act: act() }
  const before = thread.call('apply', onMoon)
  thread.useWorld({ ...world, lines: [...world.lines, { id: 'moon', modbus: 'tcp' }] })
  const after = thread.call('apply', onMoon)
  expect(bad(await before).problems).toHaveLength(1)
  expect(good(await after).added).toBe(1)
  await thread.close()
  await expect(thread.call('list', { kind: 'zone', limit: 1 })).rejects.toThrow('closed')
})
