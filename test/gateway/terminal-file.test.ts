import { expect, it, onTestFinished } from 'vitest'
import { TerminalFile } from '../../src/gateway/terminal-file.ts'
import { scratch } from '../support/processes.ts'

const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER, after: null, limit: 10 } as const
const BEGIN = Date.parse('2026-11-21T03:00:00Z')
const event = (raw: readonly number[], change: Record<string, unknown> = {}) => ({
  ...({ terminal: 'C-1', meter: 'M-1', code: 'erc-10', begin: BEGIN, end: null, edge: 'begin', facts: { phases: 1 } } as const),
  ...{ raw: Uint8Array.from(raw), receivedAt: BEGIN + 1000 },
  ...change,
})

const open = (directory = scratch()) => {
  const file = new TerminalFile(directory)
  onTestFinished(() => {
    try {
      file.close()
    } catch {
      // The test has closed it.
    }
  })
  return { file, directory }
}

it('gives a record that comes again the instant it had, also after a restart', () => {
  const { file, directory } = open()
  expect(file.place([event([1, 2, 3])])).toEqual([BEGIN])
  file.close()
  const again = open(directory).file
  expect(again.place([event([1, 2, 3], { receivedAt: BEGIN + 86_400_000 })])).toEqual([BEGIN])
  expect(again.events('C-1', ALL)).toMatchObject([{ at: BEGIN, code: 'erc-10', raw: Uint8Array.from([1, 2, 3]) }])
})

it('keeps two records of one code and minute apart', () => {
  const { file } = open()
  expect(file.place([event([1]), event([2]), event([1])])).toEqual([BEGIN, BEGIN + 1, BEGIN])
})

it('knows a record without a time again while it is fresh', () => {
  const { file } = open()
  const timeless = (receivedAt: number) => event([9], { begin: null, receivedAt })
  expect(file.place([timeless(5000)])).toEqual([5000])
  expect(file.place([timeless(60_000)])).toEqual([5000])
  expect(file.place([timeless(5000 + 2 * 86_400_000)])).toEqual([5000 + 2 * 86_400_000])
})

it('keeps records apart that came in the same bytes, and joins those that came in others', () => {
  const { file } = open()
  const later = { begin: BEGIN + 60_000 }
  // Two rows of one report of DL/T 698.45, then read back without bytes: ended since.
  const told = { code: 'oad-30110200', identity: '' }
  expect(file.place([event([7, 7], told), event([7, 7], { ...told, ...later })])).toEqual([BEGIN, BEGIN + 60_000])
  expect(file.place([event([], { ...told, end: BEGIN + 5000 }), event([8], { ...told, ...later })])).toEqual([BEGIN, BEGIN + 60_000])
  expect(file.events('C-1', ALL)).toMatchObject([
    { at: BEGIN + 60_000, end: null },
    { at: BEGIN, end: BEGIN + 5000 },
  ])
  // Without bytes and without a time: by what it says.
  const bare = (facts: object) => event([], { begin: null, facts })
  expect(file.place([bare({ n: 1 }), bare({ n: 2 }), bare({ n: 1 })])).toEqual([BEGIN + 1000, BEGIN + 1001, BEGIN + 1000])
})

it('gives events page by page, newest first, of all meters or of one', () => {
  const { file } = open()
  // Two meters and two codes at one instant, and one before and one after the time asked for.
  const [first, second] = [{ meter: 'M-1' }, { meter: 'M-2' }]
  file.place([event([1], first), event([2], second), event([3], { ...second, code: 'erc-14' })])
  file.place([-60_000, 60_000, 120_000].map((off, nth) => event([10 + nth], { ...first, begin: BEGIN + off })))
  const paged = (limit: number, meter?: string): string[] => {
    const seen: string[] = []
    const query = { from: BEGIN, to: BEGIN + 120_000, limit, ...(meter === undefined ? {} : { meter }) }
    for (let after: { at: number; meter: string; code: string } | null = null; ; ) {
      const page: ReturnType<typeof file.events> = file.events('C-1', { ...query, after })
      seen.push(...page.map((one) => `${one.at - BEGIN} ${one.meter} ${one.code}`))
      after = page.at(-1) ?? null
      if (after === null) return seen
    }
  }
  const all = ['60000 M-1 erc-10', '0 M-2 erc-14', '0 M-2 erc-10', '0 M-1 erc-10']
  expect([1, 2, 3, 10].map((limit) => paged(limit))).toEqual([all, all, all, all])
  expect(paged(1, 'M-2')).toEqual(['0 M-2 erc-14', '0 M-2 erc-10'])
})

it('remembers counters, and what nobody could name once', () => {
  const { file } = open()
  expect(file.marks('C-1')).toBeNull()
  file.mark('C-1', { important: 255, normal: 3 })
  expect(file.marks('C-1')).toEqual({ important: 255, normal: 3 })
  const raw = Uint8Array.from([0xaa])
  file.keepUnnamed('C-1', 1, [{ what: 'F250', raw }])
  file.keepUnnamed('C-1', 2, [{ what: 'F250', raw }])
  expect(file.unnamed('C-1', 10)).toEqual([{ at: 1, what: 'F250', raw }])
})
