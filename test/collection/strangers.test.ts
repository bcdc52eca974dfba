import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type Sighting, Strangers } from '../../src/collection/index.ts'

const NOW = Date.parse('2026-08-15T12:00:00Z')
const site = () => {
  const directory = mkdtempSync(join(tmpdir(), 'strangers-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}
const seen = (address: string, more: Partial<Sighting> = {}): Sighting => ({ channel: 'plant', address, by: 'broker', at: NOW, ...more })

it('keeps what was heard, and knows it after a restart', () => {
  const directory = site()
  const before = new Strangers(directory, 10)
  before.note(seen('a', { profile: 'mqtt/tasmota', ratios: { '1-0:1.8.0': 'ctpt' } }))
  before.note(seen('a', { at: NOW + 5, readings: 2, register: { obis: '1-0:1.8.0', value: '12.50', unit: 'kWh', at: NOW } }))
  before.note(seen('a', { at: NOW - 5, register: { obis: '1-0:1.8.0', value: '12.00', unit: 'kWh', at: NOW - 9 } }))
  before.close()
  const after = new Strangers(directory, 10)
  onTestFinished(() => after.close())
  expect(after.list({ limit: 9 })).toEqual([
    {
      ...{ id: 1, channel: 'plant', address: 'a', by: 'broker', protocol: null, profile: 'mqtt/tasmota', state: 'open' },
      ...{
        firstSeen: NOW - 5,
        oldest: NOW - 5,
        lastSeen: NOW + 5,
        openSince: NOW,
        sightings: 3,
        readings: 2,
        ratios: { '1-0:1.8.0': 'ctpt' },
      },
      register: { obis: '1-0:1.8.0', value: '12.50', unit: 'kWh', at: NOW },
      ...{ closed: null, adopted: null },
    },
  ])
  // An id is never used twice.
  expect(after.note(seen('b'))?.id).toBe(2)
})

it('is bounded for each channel, counts what found no place, and makes room when one is closed', () => {
  const strangers = new Strangers(site(), 2)
  onTestFinished(() => strangers.close())
  for (let nth = 0; nth < 1000; nth++) strangers.note(seen(`made up ${nth}`))
  expect([strangers.list({ limit: 9999 }).length, strangers.refused()]).toEqual([2, 998])
  expect(strangers.note(seen('x', { channel: 'other' }))).not.toBeNull()
  expect(strangers.note(seen('made up 1', { at: NOW + 1 }))?.sightings).toBe(2)
  strangers.change(1, { state: 'closed', closed: { at: NOW, by: 'li', why: 'gone', forever: true } }, null)
  expect(strangers.note(seen('new'))).not.toBeNull()
  expect(strangers.note(seen('y'.repeat(300)))).toBeNull()
})

it.each([
  ['opens a closed one when it is heard again', false, 'open', ['reopened', 'closed']],
  ['leaves one that is ignored for ever', true, 'closed', ['closed']],
])('%s', (_, forever, state, acts) => {
  const strangers = new Strangers(site(), 10)
  onTestFinished(() => strangers.close())
  strangers.note(seen('a'))
  const closed = { at: NOW + 10, by: 'li', why: 'removed', forever }
  strangers.change(1, { state: 'closed', closed }, { at: NOW + 10, what: 'closed', who: 'li', why: 'removed' })
  // What was under way when it was closed opens nothing.
  expect(strangers.note(seen('a', { at: NOW + 10 }))?.state).toBe('closed')
  expect(strangers.note(seen('a', { at: NOW + 5000 }))).toMatchObject({ state, firstSeen: NOW, openSince: forever ? NOW : NOW + 5000 })
  expect(strangers.acts(1).map(({ what }) => what)).toEqual(acts)
})

it('finds by state, channel and part of the address, page by page', () => {
  const strangers = new Strangers(site(), 10)
  onTestFinished(() => strangers.close())
  for (const address of ['a1', 'A2', 'b3']) strangers.note(seen(address))
  strangers.note(seen('a4', { channel: 'line-1', by: 'line' }))
  expect(strangers.list({ text: 'a', channel: 'plant', limit: 9 }).map(({ id }) => id)).toEqual([1, 2])
  expect(strangers.list({ after: 2, limit: 1 }).map(({ address }) => address)).toEqual(['b3'])
  expect(strangers.list({ state: 'closed', limit: 9 })).toEqual([])
})
