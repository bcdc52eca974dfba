import { describe, expect, it } from 'vitest'
import { Ledger, LedgerTooNew } from '../../src/ledger/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'
import { act, bad, day, good, NOW, open, patch, SITE, site } from './support.ts'

const facts = (ledger: Ledger, meter: string) =>
  ledger
    .history()
    .filter((fact) => fact.meter === meter)
    .map(({ point, ct, state, from, to }) => [point, ct, state, from, to])

describe('meters at points', () => {
  it('splits a meter in time where the ratio or the state of its point changes', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P1', { ct: '600/5' }, day('2026-03-01'))], act()))
    good(ledger.apply([patch('point', 'P1', { state: 'trial' }, day('2026-02-01'))], act()))
    expect(facts(ledger, 'M1')).toEqual([
      ['P1', '400/5', 'in-service', 0, day('2026-02-01')],
      ['P1', '400/5', 'trial', day('2026-02-01'), day('2026-03-01')],
      ['P1', '600/5', 'trial', day('2026-03-01'), null],
    ])
    expect(ledger.meters(day('2026-02-15')).map(({ meter, ct }) => [meter, ct])).toEqual([
      ['M1', '400/5'],
      ['M2', '1'],
    ])
    expect(ledger.metersOf(['M1', 'nobody']).map(({ ct }) => ct)).toEqual(['600/5'])
    expect(ledger.history('P2').map(({ meter }) => meter)).toEqual(['M2'])
  })

  it('a correction dated back holds until the next fact of the same attribute, and no further', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P1', { ct: '800/5' }, day('2026-05-01'))], act()))
    good(ledger.apply([patch('point', 'P1', { ct: '600/5' }, day('2026-03-01'))], act()))
    expect(facts(ledger, 'M1').map(([, ct, , from]) => [ct, from])).toEqual([
      ['400/5', 0],
      ['600/5', day('2026-03-01')],
      ['800/5', day('2026-05-01')],
    ])
    expect(ledger.facts('point', 'P1').filter(({ name }) => name === 'ct')).toEqual([
      { name: 'ct', value: '400/5', from: 0, to: day('2026-03-01'), change: 1 },
      { name: 'ct', value: '600/5', from: day('2026-03-01'), to: day('2026-05-01'), change: 3 },
      { name: 'ct', value: '800/5', from: day('2026-05-01'), to: null, change: 2 },
    ])
  })

  it('a ratio that was written down later than the meter is the first one known, not 1', () => {
    const { ledger } = open()
    good(ledger.apply([patch('point', 'P', { ct: '80' }, day('2026-03-01')), patch('meter', 'M', { point: 'P', address: '1' })], act()))
    expect(facts(ledger, 'M')).toEqual([['P', '80', 'in-service', 0, null]])
  })

  it('a meter without a point hangs nowhere', () => {
    const { ledger } = site()
    good(ledger.apply([patch('meter', 'M1', { point: null }, day('2026-04-01'))], act()))
    expect(facts(ledger, 'M1')).toEqual([['P1', '400/5', 'in-service', 0, day('2026-04-01')]])
    expect(ledger.metersOf(['M1'])).toEqual([])
  })
})

describe('changes', () => {
  it('writes nothing when everything is so already, and notices what other processes wrote', () => {
    const { ledger, directory } = site()
    expect(good(ledger.apply(SITE, act()))).toEqual({ change: null, added: 0, changed: 0, unchanged: 7 })
    const { ledger: other } = open(directory)
    const since = ledger.seq
    good(other.apply([patch('point', 'P3', { name: 'shop' })], act({ who: 'li' })))
    expect(ledger.seq).toBe(since + 1)
    expect(ledger.touchedSince(since)).toEqual({ seq: 2, entities: [{ kind: 'point', id: 'P3' }] })
    expect(ledger.get('point', 'P3', null)).toMatchObject({ version: 2, attributes: { name: 'shop' } })
  })

  it('shows a plan without making it, with what it would change', () => {
    const { ledger } = site()
    const plan = ledger.plan([patch('point', 'P1', { ct: '600/5', name: 'mill' }, day('2026-03-01'), 'Sheet1!7')], { at: NOW })
    expect(plan).toEqual({
      ...{ added: 0, changed: 1, unchanged: 0, problems: [], problemCount: 0 },
      entries: [
        {
          ...{ kind: 'point', id: 'P1', from: day('2026-03-01'), change: 'changed', place: 'Sheet1!7' },
          attributes: [{ name: 'ct', before: '400/5', after: '600/5' }],
        },
      ],
    })
    expect(ledger.seq).toBe(1)
  })

  it('takes a change back while leaving what others set at the same instant', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P1', { ct: '600/5' }, day('2026-03-01'))], act()))
    good(ledger.apply([patch('point', 'P1', { priceClass: 'b' }, day('2026-03-01'))], act()))
    expect(good(ledger.undo(2, act({ what: 'undo', why: 'wrong' })))).toMatchObject({ change: 4 })
    expect(ledger.get('point', 'P1', null)?.attributes).toMatchObject({ ct: '400/5', priceClass: 'b' })
    expect(ledger.change(2)).toMatchObject({ undoneBy: 4, entries: [{ attributes: [{ name: 'ct', before: '400/5', after: '600/5' }] }] })
    expect(bad(ledger.undo(2, act())).problems).toMatchObject([{ code: 'LEDGER_BUILT_ON', against: 'change 4' }])
    good(ledger.undo(4, act()))
    expect(ledger.get('point', 'P1', null)?.attributes.ct).toBe('600/5')
    expect(ledger.change(2)?.undoneBy).toBeNull()
  })

  it('will not take back what a later change has changed, and names it', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P1', { ct: '600/5' }, day('2026-03-01'))], act()))
    good(ledger.apply([patch('point', 'P1', { ct: '700/5' }, day('2026-03-01'))], act()))
    expect(bad(ledger.undo(2, act())).problems).toEqual([
      expect.objectContaining({ place: 'change 2', against: 'change 3', message: 'change 3 has changed ct of point P1 since' }),
    ])
  })

  it('will not take away what others refer to', () => {
    const { ledger } = site()
    good(ledger.apply([patch('area', 'B', {})], act()))
    good(ledger.apply([patch('point', 'P4', { area: 'B' })], act()))
    expect(bad(ledger.undo(2, act())).problems).toMatchObject([{ code: 'LEDGER_BUILT_ON', place: 'area B', against: 'change 3' }])
    good(ledger.undo(3, act()))
    good(ledger.undo(2, act()))
    expect(ledger.get('area', 'B', null)).toBeNull()
  })

  it('refuses whoever has not seen the present version, with the entry as it is', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P1', { name: 'saw mill' })], act()))
    const refused = bad(ledger.apply([patch('point', 'P1', { name: 'x' })], act(), { expected: [{ kind: 'point', id: 'P1', version: 1 }] }))
    expect(refused).toMatchObject({ error: { code: 'LEDGER_STALE' }, current: { version: 2, attributes: { name: 'saw mill' } } })
    const twice = bad(ledger.apply([patch('area', 'A', {})], act(), { expected: [{ kind: 'area', id: 'A', version: null }] }))
    expect(twice.error.message).toBe('area A is at version 1, you expected not to be there')
  })
})

describe('what cannot be so', () => {
  const refusedWith = (...patches: ReturnType<typeof patch>[]) => {
    const { ledger } = site()
    const before = ledger.seq
    const { problems, error } = bad(ledger.apply(patches, act()))
    expect(error.code).toBe('LEDGER_REFUSED')
    expect(ledger.seq).toBe(before)
    return problems.map(({ code, place, against, message }) => ({ code, place, against, message }))
  }
  const meter = (id: string, point: string, address: string, from: number | null, place: string) =>
    patch('meter', id, { point, line: 'hall', address, profile: 'p' }, from, place)

  it('two meters at one point at one time, one of them in the ledger', () =>
    expect(refusedWith(meter('M8', 'P1', '8', day('2026-03-01'), 'Sheet1!C14'))).toEqual([
      {
        ...{ code: 'LEDGER_POINT_TAKEN', place: 'Sheet1!C14', against: 'ledger: meter M1 since always' },
        message: 'meter M8 would be at point P1 since 2026-03-01T00:00:00Z, where the ledger has meter M1 since always',
      },
    ]))
  it('two meters at one point, both in the file', () =>
    expect(refusedWith(meter('M8', 'P3', '8', null, 'row 8'), meter('M9', 'P3', '9', null, 'row 9'))).toMatchObject([
      { code: 'LEDGER_POINT_TAKEN', place: 'row 9', against: 'row 8' },
    ]))
  it('one address twice on a line, however it is written', () =>
    expect(refusedWith(meter('M8', 'P3', '1', null, 'row 8'))).toMatchObject([
      { code: 'LEDGER_ADDRESS_TAKEN', place: 'row 8', against: 'ledger: meter M1 since always' },
    ]))
  it('a ratio of nothing', () =>
    expect(refusedWith(patch('point', 'P1', { ct: '0' }), patch('point', 'P2', { ct: '400/0' }))).toMatchObject([
      { code: 'LEDGER_VALUE', message: 'point P1: ct is "0"; allowed: a ratio above 0: 400/5 or 80' },
      { code: 'LEDGER_VALUE', message: 'point P2: ct is "400/0"; allowed: a ratio above 0: 400/5 or 80' },
    ]))
  it('everything that is wrong is said at once', () =>
    expect(
      refusedWith(
        patch('point', 'P 4', {}, null, 'row 1'),
        patch('point', 'P5', { area: 'Q', colour: 'red' }, null, 'row 2'),
        patch('meter', 'M5', { point: 'P9' }, null, 'row 3'),
        patch('meter', 'M6', { address: 'x', line: 'hall', profile: 'p' }, null, 'row 4'),
        patch('meter', 'M7', { address: '7', line: 'moon', profile: 'r' }, null, 'row 5'),
        patch('zone', 'Z', { parent: 'Z' }, null, 'row 6'),
        patch('point', 'P2', { name: 'a' }, day('2026-02-01'), 'row 7'),
        patch('point', 'P2', { name: 'b' }, day('2026-02-01'), 'row 8'),
        patch('point', 'P3', { name: 'c' }, day('2026-09-01'), 'row 9'),
      ).map(({ code, place, against }) => [code, place, against]),
    ).toEqual([
      ['LEDGER_ID', 'row 1', null],
      ['LEDGER_ATTRIBUTE', 'row 2', null],
      ['LEDGER_TWICE', 'row 8', 'row 7'],
      ['LEDGER_FUTURE', 'row 9', null],
      ['LEDGER_REFERENCE', 'row 2', null],
      ['LEDGER_REQUIRED', 'row 3', null],
      ['LEDGER_REFERENCE', 'row 3', null],
      ['LEDGER_ADDRESS', 'row 4', null],
      ['LEDGER_REFERENCE', 'row 5', null],
      ['LEDGER_CIRCLE', 'row 6', null],
    ]))
  it('an edit does not set a point in service', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P4', { area: 'A', state: 'planned' })], act({ what: 'edit' })))
    const { problems } = bad(ledger.apply([patch('point', 'P4', { state: 'in-service' })], act({ what: 'edit' })))
    expect(problems).toMatchObject([{ code: 'LEDGER_STATE' }])
    good(ledger.apply([patch('point', 'P4', { state: 'in-service' })], act({ what: 'import' })))
  })
  it('a planned point may lie ahead', () => {
    const { ledger } = site()
    good(ledger.apply([patch('point', 'P4', { state: 'planned' }, day('2027-01-01'))], act()))
  })
  it('keeps the first problems and counts all', () => {
    const { ledger } = site()
    const patches = Array.from({ length: 500 }, (_, n) => patch('point', `P-${n}`, { area: 'Q' }))
    expect(ledger.plan(patches, { at: NOW, problems: 5 })).toMatchObject({ problemCount: 500, problems: { length: 5 } })
  })
})

describe('ledger.db', () => {
  it('of a newer release is not touched', () => {
    const directory = scratch()
    const newer = openDatabase(`${directory}/ledger.db`)
    newer.exec('CREATE TABLE x (a); PRAGMA user_version=9')
    newer.close()
    expect(() => new Ledger(directory)).toThrow(LedgerTooNew)
    expect(() => new Ledger(directory)).toThrow(/data version 9, this release knows up to 3: start the newer release/)
  })

  it('of the first release is taken over: facts, their times, and who changed them', () => {
    const directory = scratch()
    const old = openDatabase(`${directory}/ledger.db`)
    old.exec(`
CREATE TABLE zone (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE area (id TEXT PRIMARY KEY, name TEXT NOT NULL, zone TEXT NOT NULL) STRICT;
CREATE TABLE point (id TEXT PRIMARY KEY, name TEXT NOT NULL, area TEXT NOT NULL, role TEXT NOT NULL, phase TEXT NOT NULL) STRICT;
CREATE TABLE meter_fact (
  meter TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER, point TEXT NOT NULL, line TEXT NOT NULL, address TEXT NOT NULL,
  profile TEXT NOT NULL, ct TEXT NOT NULL, pt TEXT NOT NULL, timeout_ms INTEGER, PRIMARY KEY (meter, valid_from)
) STRICT;
CREATE TABLE change (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, before TEXT, after TEXT) STRICT;
INSERT INTO zone VALUES ('Z', '城关供电所');
INSERT INTO area VALUES ('A', '东村', 'Z');
INSERT INTO point VALUES ('P1', 'mill', 'A', 'area-supply', 'L123'), ('P2', '', 'A', 'customer', 'unknown');
INSERT INTO meter_fact VALUES
  ('M1', 0, 5000, 'P1', 'hall', '000000000001', 'p', '400/5', '1', NULL),
  ('M1', 5000, NULL, 'P1', 'hall', '000000000001', 'p', '600/5', '1', 900),
  ('M2', 1000, 7000, 'P2', 'hall', '000000000002', 'p', '1', '1', NULL);
INSERT INTO change VALUES
  (1, 900, 'ledger file', 'meter M1 added', NULL, '{}'), (2, 900, 'ledger file', 'meter M2 added', NULL, '{}'),
  (3, 5000, 'ledger file', 'meter M1 changed', '{}', '{}'), (4, 7000, 'ledger file', 'meter M2 closed', '{}', NULL);`)
    old.close()
    const { ledger } = open(directory)
    expect(ledger.history().map(({ meter, point, ct, timeoutMs, from, to }) => [meter, point, ct, timeoutMs, from, to])).toEqual([
      ['M1', 'P1', '400/5', null, 0, 5000],
      ['M2', 'P2', '1', null, 1000, 7000],
      ['M1', 'P1', '600/5', 900, 5000, null],
    ])
    expect(ledger.zones()).toEqual([{ id: 'Z', name: '城关供电所' }])
    expect(ledger.points()[0]).toEqual({ id: 'P1', name: 'mill', area: 'A', role: 'area-supply', phase: 'L123', state: 'in-service' })
    expect(ledger.changes({ limit: 10 }).map(({ seq, who, why }) => [seq, who, why])).toEqual([
      [5, 'migration', 'names and points, taken over from a ledger of the first release'],
      [4, 'ledger file', 'meter M2 closed'],
      [3, 'ledger file', 'meter M1 changed'],
      [2, 'ledger file', 'meter M2 added'],
      [1, 'ledger file', 'meter M1 added'],
    ])
    expect(ledger.facts('point', 'P1').filter(({ name }) => name === 'ct')).toEqual([
      { name: 'ct', value: '400/5', from: 0, to: 5000, change: 5 },
      { name: 'ct', value: '600/5', from: 5000, to: null, change: 3 },
    ])
    // What it said is compared with the next file, and a second start changes nothing.
    expect(JSON.parse(ledger.note('ledger-file') ?? '')).toMatchObject({ 'meter M1': { timeoutMs: 900 }, 'ratio P1': { ct: '600/5' } })
    expect(JSON.parse(ledger.note('ledger-file') ?? '')).not.toHaveProperty('meter M2')
    expect(open(directory).ledger.seq).toBe(5)
  })
})

it('does not pretend to take back a word on a check-list', () => {
  const { ledger } = site()
  good(ledger.confirm('P1', 'multiplier', true, act()))
  expect(bad(ledger.undo(2, act({ what: 'undo' }))).problems).toMatchObject([{ code: 'LEDGER_STATE', place: 'change 2' }])
  good(ledger.confirm('P1', 'multiplier', false, act()))
  expect(ledger.checklist('P1', () => ({}))?.find(({ item }) => item === 'multiplier')).toMatchObject({ done: false })
})
