import { expect, it, onTestFinished } from 'vitest'
import { filterLooks } from '../../src/gateway/filter-looks.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { scratch } from '../support/processes.ts'

it('knows what stands in the ledger, in gateway.yaml, or was heard', () => {
  const ledger = new Ledger(scratch())
  onTestFinished(() => ledger.close())
  const act = { what: 'import', who: 'test', why: 'test', workOrder: null, at: 0 } as const
  const made = ledger.apply(
    [
      { kind: 'area', id: 'A-1', from: null, set: {} },
      { kind: 'concentrator', id: 'C-1', from: null, set: { area: 'A-1', address: '4510-21', protocol: 'gw3761' } },
    ],
    act,
  )
  expect(made.ok).toBe(true)
  const isEntry = filterLooks({
    ...{ ledger, lines: () => ['rs485-1'], brokers: () => ['mosquitto'] },
    hangsOn: (line) => line === 'rs485-old',
    heardAt: (channel) => channel === 'rs485-gone',
  })
  const known = (id: string) =>
    (['area', 'line', 'bus', 'concentrator', 'broker', 'channel'] as const).filter((kind) => isEntry(kind, id)).join(' ')
  expect(known('A-1')).toBe('area')
  expect(known('rs485-1')).toBe('line bus channel')
  expect(known('rs485-old')).toBe('line bus channel')
  expect(known('mosquitto')).toBe('line bus broker channel')
  expect(known('C-1')).toBe('line bus concentrator channel')
  expect(known('rs485-gone')).toBe('channel')
  expect(known('rs485-9')).toBe('')
})
