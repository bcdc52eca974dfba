import { mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Ledger } from '../../src/ledger/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'
import { act, good, NOW, patch, SITE, WORLD } from './support.ts'

const MANY = Array.from({ length: 2500 }, (_, n) => patch('point', `Q-${n}`, { area: 'A', name: `mill ${n}` }))
const METER = patch('meter', 'M9', { point: 'Q-7', line: 'hall', address: '99', profile: 'p' })
const copies = (directory: string) => readdirSync(directory).filter((name) => name.startsWith('ledger-copy-'))

it('a large dry run holds up nobody who writes meanwhile, and leaves nothing behind', () => {
  const directory = scratch()
  const other = new Ledger(directory, WORLD)
  onTestFinished(() => other.close())
  good(other.apply(SITE, act()))
  let written = 0
  const ledger = new Ledger(directory, {
    ...WORLD,
    isProfile: (id) => {
      // In this very thread: what were held now would be refused, as nobody could let go of it.
      good(other.apply([patch('point', 'P1', { name: 'in between' })], act({ at: NOW + ++written })))
      return WORLD.isProfile(id)
    },
  })
  onTestFinished(() => ledger.close())
  const plan = ledger.plan([...MANY, METER], { at: NOW + 10, entries: 5 })
  expect(plan).toMatchObject({ added: 2501, changed: 0, unchanged: 0, problemCount: 0 })
  expect(plan.entries).toHaveLength(5)
  expect(written).toBe(1)
  expect(ledger.get('point', 'Q-7', null)).toBeNull()
  expect(ledger.seq).toBe(2)
  expect(copies(directory)).toEqual([])
})

it('a large dry run is judged against everything that is in the ledger', () => {
  const directory = scratch()
  const ledger = new Ledger(directory, WORLD)
  onTestFinished(() => ledger.close())
  good(ledger.apply(SITE, act()))
  const plan = ledger.plan([...MANY, { ...METER, set: { ...METER.set, address: '1' } }], { at: NOW })
  expect(plan.problems).toMatchObject([{ code: 'LEDGER_ADDRESS_TAKEN', place: 'meter M9' }])
})

it('what a killed process left of a copy is removed, what another one works on is not', () => {
  const directory = scratch()
  const ledger = new Ledger(directory, WORLD)
  onTestFinished(() => ledger.close())
  good(ledger.apply(SITE, act()))
  for (const name of ['ledger-copy-left', 'ledger-copy-used']) mkdirSync(join(directory, name))
  utimesSync(join(directory, 'ledger-copy-left'), 1_700_000_000, 1_700_000_000)
  ledger.plan(MANY, { at: NOW })
  expect(copies(directory)).toEqual(['ledger-copy-used'])
})

it('a small dry run says so when somebody writes for long', () => {
  const directory = scratch()
  const ledger = new Ledger(directory, WORLD)
  onTestFinished(() => ledger.close())
  const database = openDatabase(`${directory}/ledger.db`)
  database.exec('BEGIN IMMEDIATE')
  onTestFinished(() => database.close())
  const plan = ledger.plan(SITE, { at: NOW })
  expect(plan).toMatchObject({ added: 0, problemCount: 1, problems: [{ code: 'LEDGER_BUSY', place: 'ledger.db' }] })
})
