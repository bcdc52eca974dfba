import { expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'
import { act, bad, good, open, patch, SITE, site, WORLD } from './support.ts'

const C1 = patch('concentrator', 'C-1', { address: '4510-21', protocol: 'gw3761' })
const behind = (id: string, point: string, set: Record<string, string | number> = {}) =>
  patch('meter', id, { point, line: 'C-1', address: `00000000000${id.slice(1)}`, profile: 'p', ...set })

const codes = (refused: { readonly problems: readonly { readonly code: string; readonly message: string }[] }) =>
  refused.problems.map(({ code, message }) => `${code}: ${message}`)

it('takes a concentrator for the line of its meters, and for their concentrator', () => {
  const { ledger } = site()
  good(ledger.apply([C1, behind('M3', 'P3', { measuringPoint: 7, archiveNumber: 7, port: 31, collector: '000000000099' })], act()))
  expect(ledger.metersOf(['M3'])).toMatchObject([
    { line: 'C-1', concentrator: 'C-1', measuringPoint: 7, archiveNumber: 7, port: 31, collector: '000000000099' },
  ])
})

it('reads a meter that names a concentrator and no line through that, from the moment its protocol is known', () => {
  const { ledger } = site()
  const meter = patch('meter', 'M3', { point: 'P3', concentrator: 'C-1', address: '000000000003', profile: 'p' })
  good(ledger.apply([patch('concentrator', 'C-1', { address: '4510-21' }), meter], act()))
  expect(ledger.metersOf(['M3'])).toMatchObject([{ line: '', concentrator: 'C-1' }])
  good(ledger.apply([patch('concentrator', 'C-1', { protocol: 'gw3761' })], act({ what: 'edit' })))
  expect(ledger.metersOf(['M3'])).toMatchObject([{ line: 'C-1', concentrator: 'C-1' }])
})

it.each([
  ['a concentrator that is not there', [behind('M3', 'P3')], /^LEDGER_REFERENCE: .*line is "C-1", which is no channel/],
  [
    'a concentrator whose protocol nobody knows',
    [patch('concentrator', 'C-1', { address: '4510-21' }), behind('M3', 'P3')],
    /^LEDGER_TERMINAL: .*nobody knows what protocol/,
  ],
  ['an address that is too short', [C1, behind('M3', 'P3', { address: '3' })], /^LEDGER_ADDRESS: .*must be 12 digits/],
  ['a model that cannot be read through one', [C1, behind('M3', 'P3', { profile: 'q' })], /^LEDGER_ADDRESS: .*profile q cannot be read/],
  ['a measuring point that is none', [C1, behind('M3', 'P3', { measuringPoint: 2041 })], /^LEDGER_PLACE: .*measuringPoint is 2041.*2040/],
  [
    'a measuring point given twice',
    [C1, behind('M3', 'P3', { measuringPoint: 7 }), patch('point', 'P4', {}), behind('M4', 'P4', { measuringPoint: 7 })],
    /^LEDGER_PLACE: meter M4 would be measuring point 7 of concentrator C-1 .* M3/,
  ],
  [
    'an address of no terminal',
    [patch('concentrator', 'C-1', { address: '21', protocol: 'gw3761' })],
    /^LEDGER_ADDRESS: .*such as 4510-21/,
  ],
  ['the name of a line', [patch('concentrator', 'hall', { address: '4510-21', protocol: 'gw3761' })], /^LEDGER_TERMINAL: .*name of a line/],
  [
    'an address two have',
    [C1, patch('concentrator', 'C-2', { address: '4510-21', protocol: 'gw3761' })],
    /^LEDGER_ADDRESS_TAKEN: concentrator C-\d would have the address of concentrator C-\d/,
  ],
  ['a frame nobody could keep', [patch('concentrator', 'C-1', { frameLimit: 10 })], /^LEDGER_VALUE: .*frameLimit is 10; allowed: 64 to/],
])('refuses %s', (_, patches, expected) => {
  const { ledger } = site()
  expect(codes(bad(ledger.apply(patches, act()))).join('\n')).toMatch(expected)
})

it('refuses another protocol for a concentrator whose meters cannot be read by it', () => {
  const { ledger } = open(scratch(), {
    ...WORLD,
    addressBehind: (address, _, protocol) =>
      protocol === 'gw3761' ? { ok: true, value: address } : { ok: false, problem: `its profile is not for ${protocol}` },
  })
  good(ledger.apply([C1, patch('point', 'P3', {}), behind('M3', 'P3')], act()))
  expect(codes(bad(ledger.apply([patch('concentrator', 'C-1', { protocol: 'dlt698' })], act({ what: 'edit' })))).join()).toMatch(
    /LEDGER_ADDRESS: concentrator C-1: meter M3 hangs there; its profile is not for dlt698/,
  )
})

it('takes over a ledger.db of data version 2, before meters had a place in a concentrator', () => {
  const directory = scratch()
  const ledger = new Ledger(directory, WORLD)
  good(ledger.apply(SITE, act()))
  ledger.close()
  const old = openDatabase(`${directory}/ledger.db`)
  old.exec(`DROP INDEX period_pn; DROP INDEX period_archive; DROP INDEX period_concentrator; ALTER TABLE period DROP COLUMN pn; ALTER TABLE period DROP COLUMN archive_number;
    ALTER TABLE period DROP COLUMN port; ALTER TABLE period DROP COLUMN collector; PRAGMA user_version=2`)
  old.close()
  const again = new Ledger(directory, WORLD)
  expect(again.metersOf(['M1'])).toMatchObject([{ meter: 'M1', measuringPoint: null, port: null, collector: '' }])
  good(again.apply([C1, behind('M3', 'P3', { measuringPoint: 1 })], act()))
  again.close()
})
