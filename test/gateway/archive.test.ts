import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ArchiveRecord, ok } from '../../src/core/index.ts'
import { archiveDiff } from '../../src/gateway/archive-diff.ts'
import { type ArchivedMeter, wantedArchive } from '../../src/gateway/archive-wanted.ts'
import { concentratorSite, meterOf, recordOf, refusal, refusedRecord, silence } from './concentrator-site.ts'

const protocolOf = (profile: string) => (profile === 'gw3761/old' ? 'dlt645-1997' : profile === 'gw3761/usual' ? 'dlt645-2007' : null)
const wanted = (
  meters: readonly ArchivedMeter[],
  held: readonly ArchiveRecord[] = [],
  given: Readonly<Record<string, { number: number; pn: number }>> = {},
) => wantedArchive(meters, held, new Map(Object.entries(given)), protocolOf)
const numbersOf = (...args: Parameters<typeof wanted>) =>
  wanted(...args).wanted.map(({ meter, record }) => [meter, record.number, record.pn])

describe('numbers of the wanted archive', () => {
  it('are the ledger’s, else those held, else those once given, else free ones that nobody ever had', () => {
    const meters = [meterOf(1, { archiveNumber: 7, measuringPoint: 9 }), meterOf(2), meterOf(3), meterOf(4)]
    const given = { '000000000003': { number: 5, pn: 5 }, '000000000099': { number: 1, pn: 1 } }
    expect(numbersOf(meters, [recordOf(4, { address: '000000000002', pn: 40 })], given)).toEqual([
      ['M-4', 2, 2],
      ['M-2', 4, 40],
      ['M-3', 5, 5],
      ['M-1', 7, 9],
    ])
  })

  it('give way to the ledger where it says the same of somebody else', () => {
    const held = [recordOf(1, { address: '000000000002' })]
    expect(numbersOf([meterOf(1, { archiveNumber: 1, measuringPoint: 1 }), meterOf(2)], held)).toEqual([
      ['M-1', 1, 1],
      ['M-2', 2, 2],
    ])
  })

  it('are refused to the second of two meters, with both names', () => {
    const { wanted: fine, problems } = wanted([
      meterOf(1, { measuringPoint: 3 }),
      meterOf(2, { measuringPoint: 3 }),
      meterOf(3, { id: 'M-3', address: '1' }),
      meterOf(4, { address: '1234567890123' }),
      meterOf(5, { archiveNumber: 2041 }),
      meterOf(6, { port: 32 }),
      meterOf(7, { collector: 'x' }),
    ])
    expect(fine.map(({ meter }) => meter)).toEqual(['M-1'])
    expect(problems.map(({ message }) => message).sort()).toEqual([
      'meters M-1 and M-2 have the same measuring point 3',
      'meters M-1 and M-3 have the same address 000000000001',
      'the address of meter M-4 is "1234567890123": at most 12 digits fit into an archive',
      'the archive number of meter M-5 is 2041: 1 to 2040 are allowed',
      'the collector of meter M-7 is "x": at most 12 digits',
      'the port of meter M-6 is 32: 1 to 31 are allowed',
    ])
  })

  it('end at 2040', () => {
    const many = Array.from({ length: 2041 }, (_, at) => meterOf(at + 1))
    const { wanted: fine, problems } = wanted(many)
    expect([fine.length, problems.length]).toEqual([2040, 1])
  })

  it('are never given twice and stay what they were when everything is written and read again', () => {
    const meter = fc.record({
      number: fc.integer({ min: 1, max: 30 }),
      pn: fc.option(fc.integer({ min: 1, max: 12 })),
      no: fc.option(fc.integer({ min: 1, max: 12 })),
    })
    const record = fc.record({
      number: fc.integer({ min: 1, max: 15 }),
      pn: fc.integer({ min: 1, max: 15 }),
      address: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(meter, { selector: ({ number }) => number }),
        fc.uniqueArray(record, { selector: ({ number }) => number }),
        (some, there) => {
          const meters = some.map(({ number, pn, no }) => meterOf(number, { measuringPoint: pn, archiveNumber: no }))
          const held = there.map(({ number, pn, address }) => recordOf(number, { pn, address: String(address).padStart(12, '0') }))
          const first = wanted(meters, held)
          const numbers = first.wanted.map(({ record: one }) => one.number)
          const points = first.wanted.map(({ record: one }) => one.pn)
          expect(new Set(numbers).size).toBe(numbers.length)
          expect(new Set(points).size).toBe(points.length)
          // Written, and everything else deleted: nothing differs any more.
          const after = first.wanted.map(({ record: one }) => one)
          const given = Object.fromEntries(after.map(({ address, number, pn }) => [address, { number, pn }]))
          const again = wanted(meters, after, given)
          expect(archiveDiff(again, after).differences).toEqual([])
          // And the numbers are the same when it has lost its archive.
          expect(wanted(meters, [], given).wanted.map(({ record: one }) => one.number)).toEqual(numbers)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('fields of the wanted archive', () => {
  it('are as the concentrator has them where the ledger says nothing', () => {
    const held = [recordOf(1, { password: '123456000000', tariffs: 1, userClass: 2, collector: '000000000077', port: 2 })]
    expect(wanted([meterOf(1)], held).wanted[0]?.record).toEqual(held[0])
    expect(wanted([meterOf(1, { port: 3, collector: '88' })], held).wanted[0]?.record).toMatchObject({
      port: 3,
      collector: '000000000088',
      tariffs: 1,
    })
  })

  it('of a new meter are those most of its kind have, with a password of its own', () => {
    const like = { port: 2, tariffs: 1, userClass: 3, password: '999999000000' }
    const held = [recordOf(11, like), recordOf(12, like), recordOf(13, { protocol: 'dlt645-1997' })]
    expect(wanted([meterOf(1)], held).wanted[0]?.record).toMatchObject({ ...like, password: '000000000000', protocol: 'dlt645-2007' })
    expect(wanted([meterOf(1, { profile: 'gw3761/old' })], held).wanted[0]?.record).toMatchObject({ port: 31, protocol: 'dlt645-1997' })
  })
})

describe('the difference', () => {
  it('is told both ways, with the fields', () => {
    const meters = [meterOf(1), meterOf(2, { port: 4 }), meterOf(3, { archiveNumber: 9, measuringPoint: 9 })]
    const held = [recordOf(1), recordOf(2), recordOf(5, { address: '000000000001' }), recordOf(9)]
    const { same, differences } = archiveDiff(wanted(meters, held), held)
    expect(same).toBe(1)
    expect(differences.map(({ kind, meter, address, fields, replaces }) => ({ kind, meter, address, fields, replaces }))).toEqual([
      { kind: 'differs', meter: 'M-2', address: '000000000002', fields: [{ name: 'port', wanted: 4, held: 31 }], replaces: null },
      { kind: 'second', meter: 'M-1', address: '000000000001', fields: [], replaces: null },
      { kind: 'only-in-ledger', meter: 'M-3', address: '000000000003', fields: [], replaces: '000000000009' },
      { kind: 'only-in-concentrator', meter: null, address: '000000000009', fields: [], replaces: null },
    ])
  })

  it('takes any speed for the port’s own', () => {
    expect(archiveDiff(wanted([meterOf(1)]), []).differences).toHaveLength(1)
    const asked = wanted([meterOf(1)])
    expect(archiveDiff(asked, [recordOf(1, { baud: 9600 })]).same).toBe(1)
  })

  it('shows no password', () => {
    const secret = recordOf(1, { password: '123456000000' })
    expect(JSON.stringify(archiveDiff(wanted([]), [secret]))).not.toContain('123456')
  })
})

describe('the archive of a concentrator', () => {
  it('has records far behind the others, which are asked for by the numbers the ledger has', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2, { archiveNumber: 201, measuringPoint: 201 })])
    // Whoever reads all of it ends where nothing comes for long.
    site.terminal.before = ({ what, args: [numbers] }) => {
      if (what !== 'archive') return undefined
      const isAsked = (number: number) => (Array.isArray(numbers) ? numbers.includes(number) : number < 50)
      return ok([...site.terminal.records.values()].filter(({ number }) => isAsked(number)))
    }
    const { job } = await site.done({ what: 'archive-download' })
    expect(job).toMatchObject({ result: { done: 2, failed: 0, after: { records: 2, same: 2, onlyInLedger: 0 } } })
    expect(site.terminal.sent.filter(({ what }) => what === 'archive').map(({ args }) => args)).toEqual([[null], [[201]], [null], [[201]]])
  })

  const held = (site: ReturnType<typeof concentratorSite>, ...numbers: number[]) => {
    for (const number of numbers) site.terminal.records.set(number, recordOf(number))
  }

  it('is read, kept, compared, and its strangers are noted', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2)])
    held(site, 1, 9)
    const { job } = await site.done({ what: 'archive-read' })
    expect(job).toMatchObject({ state: 'done', who: 'li', result: { records: 2, same: 1, onlyInLedger: 1, onlyInConcentrator: 1 } })
    expect(site.strangers).toEqual(['000000000009'])
    expect([site.opened.addressOf('C-1', 9), site.opened.pnOf('C-1', '000000000009'), site.opened.addressOf('C-1', 8)]).toEqual([
      '000000000009',
      9,
      null,
    ])
    const shown = await site.port.archive('C-1')
    expect(shown.ok && shown.value.records.map(({ number, meter }) => [number, meter])).toEqual([
      [1, 'M-1'],
      [9, null],
    ])
    site.restart()
    expect(site.opened.addressOf('C-1', 9)).toBe('000000000009')
    expect(await site.port.get('C-1')).toMatchObject({
      ok: true,
      value: { meters: 2, archive: { records: 2, onlyInLedger: 1 }, online: { peer: '10.0.0.9:1' } },
    })
  })

  it('is downloaded ten at a time, read back and compared', async () => {
    const site = concentratorSite(Array.from({ length: 25 }, (_, at) => meterOf(at + 1)))
    held(site, 3, 4)
    const { job } = await site.done({ what: 'archive-download' })
    expect(job).toMatchObject({
      state: 'done',
      done: 23,
      total: 23,
      result: { done: 23, failed: 0, notSent: 0, after: { records: 25, same: 25 } },
    })
    expect(site.terminal.sent.map(({ what, args }) => [what, Array.isArray(args[0]) ? args[0].length : null])).toEqual([
      ...[
        ['archive', null],
        ['writeArchive', 10],
        ['writeArchive', 10],
        ['writeArchive', 3],
        ['archive', null],
      ],
    ])
    expect((await site.done({ what: 'archive-download' })).job).toMatchObject({ state: 'failed', error: { code: 'ARCHIVE_NOTHING' } })
  })

  it('says which records were refused, which are not there though confirmed, and which came though nothing was said', async () => {
    const site = concentratorSite(Array.from({ length: 13 }, (_, at) => meterOf(at + 1)))
    site.terminal.before = ({ what, args }) => {
      if (what !== 'writeArchive') return undefined
      const [records] = args as [ArchiveRecord[]]
      const lost = records.filter(({ number }) => number !== 2 && number !== 5)
      for (const record of lost) site.terminal.records.set(record.number, record)
      if (records.length < 10) return silence()
      return { ok: true, value: records.map(({ number }) => (number === 2 ? refusedRecord() : { ok: true as const, value: null })) }
    }
    const { job } = await site.done({ what: 'archive-download' })
    expect(job).toMatchObject({ state: 'done', result: { done: 11, failed: 2, notSent: 0 } })
    expect(job).toMatchObject({
      result: {
        records: expect.arrayContaining([
          expect.objectContaining({ number: 2, outcome: 'failed', code: 'FAKE_REFUSED' }),
          expect.objectContaining({ number: 5, outcome: 'failed', code: 'ARCHIVE_NOT_KEPT' }),
        ]),
      },
    })
    // What was not answered is there, and was not sent again.
    expect(site.terminal.sent.filter(({ what }) => what === 'writeArchive')).toHaveLength(2)
  })

  it('sends nothing more to one that went away, or when writing was switched off meanwhile', async () => {
    for (const [break_, reads] of [
      ['offline', false],
      ['read-only', true],
    ] as const) {
      const site = concentratorSite(Array.from({ length: 30 }, (_, at) => meterOf(at + 1)))
      site.terminal.before = ({ what }) => {
        if (what !== 'writeArchive') return undefined
        if (break_ === 'read-only') site.allow(false)
        else site.terminal.online = false
        return break_ === 'offline' ? silence() : undefined
      }
      const { job } = await site.done({ what: 'archive-download' })
      expect(site.terminal.sent.filter(({ what }) => what === 'writeArchive')).toHaveLength(1)
      expect(job).toMatchObject({ state: 'done', result: { notSent: 20, after: reads ? { records: 10 } : null } })
    }
  })

  it('is cancelled between two batches and says how far it came', async () => {
    const site = concentratorSite(Array.from({ length: 30 }, (_, at) => meterOf(at + 1)))
    const begun = site.port.begin('C-1', { what: 'archive-download' }, site.by)
    if (!begun.ok) throw new Error('not begun')
    const { id } = begun.value
    site.terminal.before = ({ what }) => {
      if (what === 'writeArchive') void site.port.cancel('C-1', id)
      return undefined
    }
    const ended = await site.port.wait('C-1', id, 5000)
    expect(ended).toMatchObject({ ok: true, value: { state: 'cancelled', result: { done: 10, notSent: 20, after: { records: 10 } } } })
    expect(await site.port.cancel('C-1', id)).toMatchObject({ error: { error: { code: 'CONCENTRATOR_JOB_OVER' } } })
  })

  it('takes one such job at a time, and keeps what came of each with who and why', async () => {
    const site = concentratorSite([meterOf(1)])
    const first = site.port.begin('C-1', { what: 'archive-download' }, site.by)
    const second = site.port.begin('C-1', { what: 'archive-read' }, site.by)
    expect([first.ok, second]).toMatchObject([
      true,
      { error: { because: 'busy', error: { code: 'CONCENTRATOR_BUSY', message: /of li \(archive-download\)/ } } },
    ])
    if (first.ok) await site.port.wait('C-1', first.value.id, 5000)
    site.restart()
    expect(await site.port.jobs('C-1', 100, 10)).toMatchObject({
      value: [{ what: 'archive-download', state: 'done', who: 'li', why: 'order 7', result: { done: 1 } }],
    })
  })

  it('says of a job that a former process left that it was stopped', async () => {
    const site = concentratorSite([meterOf(1)])
    site.terminal.before = () => new Promise(() => undefined) as never
    site.port.begin('C-1', { what: 'archive-download' }, site.by)
    site.restart()
    expect(await site.port.jobs('C-1', 100, 10)).toMatchObject({ value: [{ state: 'failed', error: { code: 'CONCENTRATOR_STOPPED' } }] })
  })

  it('loses only records that are named, and those of the ledger only when that is said', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2)])
    held(site, 1, 2, 9)
    site.terminal.records.set(12, recordOf(12, { address: '000000000002' }))
    const remove = async (numbers: number[], alsoInLedger = false) =>
      (await site.done({ what: 'archive-delete', numbers, alsoInLedger })).job
    expect(await remove([8])).toMatchObject({ state: 'failed', error: { code: 'ARCHIVE_NUMBER' } })
    expect(await remove([1, 9])).toMatchObject({ state: 'failed', error: { code: 'ARCHIVE_IN_LEDGER', message: /1 \(M-1\)/ } })
    expect([...site.terminal.records.keys()]).toEqual([1, 2, 9, 12])
    expect(await remove([9, 12])).toMatchObject({ state: 'done', result: { done: 2, failed: 0, after: { records: 2, same: 2 } } })
    expect(await remove([1], true)).toMatchObject({ result: { done: 1 } })
    site.terminal.before = ({ what }) => (what === 'deleteArchive' ? { ok: true, value: [{ ok: true, value: null }] } : undefined)
    expect(await remove([2], true)).toMatchObject({ result: { failed: 1, records: [{ outcome: 'failed', code: 'ARCHIVE_STILL_THERE' }] } })
  })

  it('is written with the numbers once given when the concentrator has lost it', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2)])
    site.terminal.records.set(17, recordOf(17, { address: '000000000002' }))
    await site.done({ what: 'archive-download' })
    site.terminal.records.clear()
    site.put([meterOf(0)])
    await site.done({ what: 'archive-download' })
    expect([...site.terminal.records.values()].map(({ number, address }) => [number, Number(address)]).sort()).toEqual(
      [
        [1, 1],
        [17, 2],
        [2, 0],
      ].sort(),
    )
  })

  it.each([
    ['C-1 away', 'line-down', 'CONCENTRATOR_OFFLINE'],
    ['writing off', 'not-possible', 'CONCENTRATOR_READ_ONLY'],
    ['nobody', 'unknown', 'CONCENTRATOR_UNKNOWN'],
  ])('is refused at once: %s', async (why, because, code) => {
    const site = concentratorSite([meterOf(1)])
    site.terminal.online = why !== 'C-1 away'
    site.allow(why !== 'writing off')
    expect(site.port.begin(why === 'nobody' ? 'C-9' : 'C-1', { what: 'archive-download' }, site.by)).toMatchObject({
      ok: false,
      error: { because, error: { code } },
    })
    expect(site.terminal.sent).toEqual([])
  })

  it('fails as a whole when it cannot be read, and names meters that cannot be written', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2, { address: '1234567890123', profile: 'dlt645-2007/single-phase' })])
    expect((await site.done({ what: 'archive-download', meters: ['M-2'] })).job).toMatchObject({ error: { code: 'ARCHIVE_CONFLICT' } })
    expect((await site.done({ what: 'archive-download', meters: ['M-7'] })).job).toMatchObject({ error: { code: 'CONCENTRATOR_METER' } })
    expect((await site.done({ what: 'archive-download', meters: ['1'] })).job).toMatchObject({ state: 'done', result: { done: 1 } })
    site.terminal.before = () => refusal()
    expect((await site.done({ what: 'archive-read' })).job).toMatchObject({ state: 'failed', error: { code: 'FAKE_REFUSED' } })
  })
})
