import { describe, expect, it } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { CONTROL_ACTS, type ConcentratorOrder } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'
import { at, concentratorSite, meterOf, recordOf, refusal, silence } from './concentrator-site.ts'

describe('parameters', () => {
  it('are read and kept, several at a time, one failing beside others', async () => {
    const site = concentratorSite()
    site.terminal.before = ({ what, args }) => (what === 'get' && args[0] === 'F7' ? silence() : undefined)
    const { job } = await site.done({
      what: 'parameters-read',
      items: [
        { id: 'F1', pn: null },
        { id: 'F25', pn: 3 },
        { id: 'F7', pn: null },
      ],
    })
    expect(job).toMatchObject({
      state: 'done',
      result: [
        { id: 'F1', outcome: 'read', value: { heartbeatMin: 5 } },
        { id: 'F25', pn: 3, outcome: 'read' },
        { outcome: 'failed', code: 'TERMINAL_NO_REPLY' },
      ],
    })
    const listed = await site.port.parameters('C-1')
    expect(listed).toMatchObject({
      value: [
        { id: 'F1', known: [{ pn: null, value: { heartbeatMin: 5 } }] },
        { id: 'F25', known: [{ pn: 3 }] },
        { id: 'F7', known: [] },
      ],
    })
  })

  it.each([
    [{ what: 'parameters-read', items: [{ id: 'F99', pn: null }] }, 'PARAMETER_UNKNOWN'],
    [{ what: 'parameters-read', items: [{ id: 'F1', pn: 3 }] }, 'PARAMETER_POINT'],
    [{ what: 'parameters-read', items: [{ id: 'F25', pn: null }] }, 'PARAMETER_POINT'],
    [{ what: 'parameters-set', items: [{ id: 'F7', pn: null, value: {} }] }, 'PARAMETER_FIXED'],
    [{ what: 'parameters-set', items: [{ id: 'F1', pn: null, value: { heartbeatMin: 0 } }] }, 'CONCENTRATOR_VALUE'],
    [{ what: 'parameters-set', items: [{ id: 'F1', pn: null, value: undefined }] }, 'CONCENTRATOR_VALUE'],
    [{ what: 'parameters-compare', items: [{ id: 'F1', pn: null }] }, 'CONCENTRATOR_VALUE'],
    [{ what: 'parameters-compare', items: [{ id: 'F1', pn: null }], like: 'C-9' }, 'CONCENTRATOR_UNKNOWN'],
  ] as const)('are refused before anything is sent: %j', async (order, code) => {
    const site = concentratorSite()
    expect((await site.done(order)).refused).toMatchObject({ code, hint: expect.stringMatching(/.{10}/) })
    expect(site.terminal.sent).toEqual([])
  })

  it('are compared by the members that are wanted', async () => {
    const site = concentratorSite()
    site.terminal.parameters.set('F1 null', { heartbeatMin: 5, waitS: 30 })
    const compare = async (value: unknown) =>
      (await site.done({ what: 'parameters-compare', items: [{ id: 'F1', pn: null, value }] })).job?.result
    expect(await compare({ heartbeatMin: 5 })).toMatchObject([{ outcome: 'same', differing: [] }])
    expect(await compare({ heartbeatMin: 15, waitS: 30 })).toMatchObject([{ outcome: 'differs', differing: ['heartbeatMin'] }])
    expect((await site.done({ what: 'parameters-compare', items: [{ id: 'F1', pn: null }], like: 'C-1' })).job?.result).toMatchObject([
      { outcome: 'same' },
    ])
  })

  it('are set only where they differ, once, and read back', async () => {
    const site = concentratorSite()
    const set = async (value: unknown) => (await site.done({ what: 'parameters-set', items: [{ id: 'F1', pn: null, value }] })).job
    expect(await set({ heartbeatMin: 5 })).toMatchObject({ result: [{ outcome: 'same' }] })
    expect(site.terminal.sent.map(({ what }) => what)).toEqual(['get'])
    expect(await set({ heartbeatMin: 9 })).toMatchObject({ result: [{ outcome: 'set', value: { heartbeatMin: 9 } }] })
    site.terminal.before = ({ what }) => (what === 'set' ? ok(null) : undefined)
    expect(await set({ heartbeatMin: 7 })).toMatchObject({
      result: [{ outcome: 'failed', code: 'PARAMETER_NOT_KEPT', differing: ['heartbeatMin'] }],
    })
    site.terminal.before = ({ what }) => (what === 'set' ? refusal() : undefined)
    expect(await set({ heartbeatMin: 7 })).toMatchObject({ result: [{ outcome: 'failed', code: 'FAKE_REFUSED' }] })
    expect(site.terminal.sent.filter(({ what }) => what === 'set')).toHaveLength(3)
  })

  it('with a member that nobody knows are refused by its name, and nothing is sent', async () => {
    const site = concentratorSite()
    site.terminal.parameters.set('F1 null', { heartbeatMin: 5, waitS: 30 })
    for (const what of ['parameters-set', 'parameters-compare'] as const)
      expect((await site.done({ what, items: [{ id: 'F1', pn: null, value: { heartbeat_min: 9 } }] })).job).toMatchObject({
        error: { code: 'CONCENTRATOR_VALUE', message: expect.stringMatching(/no member "heartbeat_min", only heartbeatMin, waitS/) },
      })
    expect(site.terminal.sent.filter(({ what }) => what === 'set')).toEqual([])
  })

  it('are the same however their bytes are written, and lists are compared one by one', async () => {
    const site = concentratorSite()
    const groups = [{ small: 1, count: 2, items_hex: '01 0A' }]
    site.terminal.parameters.set('F1 null', { heartbeatMin: 5, groups })
    const compare = async (value: unknown) =>
      (await site.done({ what: 'parameters-compare', items: [{ id: 'F1', pn: null, value }] })).job?.result
    expect(await compare({ groups: [{ small: 1, items_hex: '010a' }] })).toMatchObject([{ outcome: 'same' }])
    expect(await compare({ groups: [{ small: 1, items_hex: '0A01' }] })).toMatchObject([{ differing: ['groups.0.items_hex'] }])
    expect(await compare({ groups: [] })).toMatchObject([{ differing: ['groups'] }])
    site.terminal.parameters.set('F1 null', { heartbeatMin: 5, base: { time: '2026-11-22 00:00:00', weekday: 7 } })
    expect(await compare({ base: '2026-11-22 00:00:00' })).toMatchObject([{ outcome: 'same' }])
    expect(await compare({ base: '2026-11-23 00:00:00' })).toMatchObject([{ differing: ['base'] }])
  })

  it('that are not there before they are set are read back afterwards', async () => {
    const site = concentratorSite()
    site.terminal.before = ({ what }) => (what === 'get' && !site.terminal.parameters.has('F1 null') ? refusal() : undefined)
    const { job } = await site.done({ what: 'parameters-set', items: [{ id: 'F1', pn: null, value: { heartbeatMin: 9 } }] })
    expect(job).toMatchObject({ result: [{ outcome: 'set', value: { heartbeatMin: 9 } }] })
  })

  it('that can only be given are given, and nothing is given to one that is silent', async () => {
    const site = concentratorSite()
    const items = [{ id: 'F1', pn: null, value: { heartbeatMin: 9 } }]
    site.terminal.before = ({ what }) => (what === 'get' ? refusal() : undefined)
    expect((await site.done({ what: 'parameters-set', items })).job).toMatchObject({ result: [{ outcome: 'unproved' }] })
    site.terminal.before = ({ what }) => (what === 'get' ? silence() : undefined)
    expect((await site.done({ what: 'parameters-set', items })).job).toMatchObject({ error: { code: 'TERMINAL_NO_REPLY' } })
    expect(site.terminal.sent.filter(({ what }) => what === 'set')).toHaveLength(1)
  })

  it('may be set in part, and what is never shown is neither compared nor kept', async () => {
    const site = concentratorSite()
    site.terminal.parameters.set('F1 null', { heartbeatMin: 5, waitS: 30, password: null })
    const value = { heartbeatMin: 9, password: 'secret' }
    const { job } = await site.done({ what: 'parameters-set', items: [{ id: 'F1', pn: null, value }] })
    expect(site.terminal.sent.find(({ what }) => what === 'set')?.args[2]).toEqual({ heartbeatMin: 9, waitS: 30, password: 'secret' })
    expect(job).toMatchObject({ state: 'done' })
    site.terminal.parameters.set('F1 null', { heartbeatMin: 9, waitS: 30, password: null })
    site.terminal.before = ({ what }) => (what === 'set' ? ok(null) : undefined)
    const again = await site.done({ what: 'parameters-set', items: [{ id: 'F1', pn: null, value }] })
    expect(again.job).toMatchObject({ result: [{ outcome: 'set', value: { password: null } }] })
    expect(JSON.stringify(again.job)).not.toContain('secret')
    site.terminal.parameters.set('F1 null', { waitS: 30 })
    const wrong = await site.done({ what: 'parameters-set', items: [{ id: 'F1', pn: null, value: { waitS: 1 } }] })
    expect(wrong.job).toMatchObject({ error: { code: 'CONCENTRATOR_VALUE' } })
  })
})

describe('the clock', () => {
  const set = { what: 'clock-set', second: null, acceptCrossing: false } as const

  it('is read, judged by 5 s, and set with what it showed before and after', async () => {
    const site = concentratorSite()
    site.terminal.driftMs = 90_000
    expect((await site.done({ what: 'clock-read' })).job).toMatchObject({ result: { driftMs: expect.closeTo(90_000, -4) } })
    expect(await site.port.clock('C-1')).toMatchObject({ value: { kind: 'concentrator', state: 'off', meter: 'C-1' } })
    expect((await site.done(set)).job).toMatchObject({ state: 'done', result: { kind: 'set', result: 'done', who: 'li', why: 'order 7' } })
    expect(await site.port.clock('C-1')).toMatchObject({
      value: { state: 'good', acts: [{ meter: 'C-1', meters: [{ before: {}, after: {} }] }] },
    })
    expect((await site.done(set)).job).toMatchObject({ error: { code: 'CLOCK_NOTHING' } })
  })

  it('is not set near a full hour, over midnight or while that is switched off', async () => {
    const near = concentratorSite([], at('10:58:00'))
    near.terminal.driftMs = 90_000
    expect((await near.done(set)).job).toMatchObject({ error: { code: 'CLOCK_NOT_NOW', message: /next allowed/ } })
    const far = concentratorSite()
    far.terminal.driftMs = 3_600_000
    expect((await far.done(set)).job).toMatchObject({ error: { code: 'CLOCK_CROSSES' } })
    far.keeper.use({ ...far.keeper.config, set: false })
    expect((await far.done(set)).refused).toMatchObject({ code: 'CLOCK_OFF' })
    far.keeper.use({ ...far.keeper.config, set: true, twoPersons: true })
    expect((await far.done(set)).refused).toMatchObject({ code: 'CLOCK_SECOND' })
    far.allow(false)
    expect((await far.done(set)).refused).toMatchObject({ code: 'CONCENTRATOR_READ_ONLY' })
    expect([...near.terminal.sent, ...far.terminal.sent].filter(({ writes }) => writes)).toEqual([])
  })

  it('counts as set when it shows the time, whatever was said, and as unknown when nobody can say', async () => {
    const site = concentratorSite()
    site.terminal.driftMs = 90_000
    site.terminal.before = ({ what }) => {
      if (what !== 'setClock') return undefined
      site.terminal.driftMs = 0
      return silence()
    }
    expect((await site.done(set)).job).toMatchObject({ state: 'done', result: { result: 'done' } })
    site.terminal.driftMs = 90_000
    site.terminal.before = ({ what }) => (what === 'setClock' ? silence() : undefined)
    expect((await site.done(set)).job).toMatchObject({ state: 'failed', error: { code: 'TERMINAL_NO_REPLY' } })
    expect(await site.port.clock('C-1')).toMatchObject({ value: { acts: [{ result: 'unknown' }, { result: 'done' }] } })
  })

  it('is noted when it is shown by the way', async () => {
    const site = concentratorSite()
    site.opened.onNotice({
      kind: 'clock',
      terminal: 'C-1',
      receivedAt: site.now(),
      shows: { year: 2026, month: 11, day: 22, hour: 10, minute: 30, second: 0 },
    })
    expect(await site.port.get('C-1')).toMatchObject({ value: { clock: { driftMs: 600_500, state: 'off' } } })
  })

  it('is noted once an hour, and at once when it jumped', async () => {
    const site = concentratorSite()
    const shown = (minute: number, second: number) =>
      site.opened.onNotice({
        ...{ kind: 'clock', terminal: 'C-1', receivedAt: site.now() },
        shows: { year: 2026, month: 11, day: 22, hour: 10, minute, second },
      })
    shown(30, 0)
    shown(30, 20)
    expect(await site.port.get('C-1')).toMatchObject({ value: { clock: { driftMs: 600_500 } } })
    shown(20, 0)
    expect(await site.port.get('C-1')).toMatchObject({ value: { clock: { driftMs: 500, state: 'good' } } })
  })
})

describe('reading', () => {
  it('gives each meter its own result', async () => {
    const site = concentratorSite([meterOf(1), meterOf(2), meterOf(3)])
    for (const number of [1, 2, 3]) site.terminal.records.set(number, recordOf(number))
    await site.done({ what: 'archive-read' })
    const { job } = await site.done({ what: 'read', read: 'current' })
    expect(job?.result).toMatchObject([
      {
        meter: 'M-1',
        pn: 1,
        way: 'own',
        samples: [{ at: null, values: [{ obis: '1-0:1.8.0', value: '123.45', unit: 'kWh' }] }],
        code: null,
      },
      { meter: 'M-2', samples: [{ values: [{ value: null }] }] },
      { meter: 'M-3', samples: [], code: 'FAKE_NO_DATA' },
    ])
    expect((await site.done({ what: 'read', read: 'current', meters: ['nobody'] })).refused).toMatchObject({ code: 'CONCENTRATOR_METER' })
    expect((await site.done({ what: 'read', read: 'current', registers: ['x'] })).refused).toMatchObject({ code: 'CONCENTRATOR_VALUE' })
    expect((await site.done({ what: 'read', read: 'curve', since: '2026-13-01' })).refused).toMatchObject({ code: 'CONCENTRATOR_VALUE' })
  })

  it('passes the meter’s own bytes through to its port, and asks nothing that changes it', async () => {
    const site = concentratorSite([meterOf(1, { profile: 'dlt645-2007/single-phase', port: 7 })])
    const asked: number[] = []
    const profile = { id: 'dlt645-2007/single-phase', protocol: 'dlt645-2007' }
    site.terminal.before = ({ what, args }) => {
      if (what !== 'forward') return undefined
      asked.push(Number(args[0]))
      return ok([...answered645('000000000001', args[1] as number[])])
    }
    site.profiles.set(profile.id, { ...profile, ...SINGLE })
    const { job } = await site.done({ what: 'read', read: 'current', way: 'forward', registers: ['1.8.0'] })
    expect(job?.result).toMatchObject([
      { meter: 'M-1', way: 'forward', samples: [{ values: [{ obis: '1-0:1.8.0', value: '123456.78', unit: 'kWh' }] }] },
    ])
    expect(new Set(asked)).toEqual(new Set([7]))
    site.terminal.before = ({ what }) => (what === 'forward' ? ok([]) : undefined)
    expect((await site.done({ what: 'read', read: 'current', registers: ['1.8.0'] })).job?.result).toMatchObject([
      { code: 'CONCENTRATOR_SILENT', message: 'nothing came back from meter 000000000001' },
    ])
    site.terminal.before = ({ what }) => (what === 'forward' ? silence() : undefined)
    expect((await site.done({ what: 'read', read: 'current', registers: ['1.8.0'] })).job?.result).toMatchObject([
      { code: 'TERMINAL_NO_REPLY' },
    ])
  })

  it('asks anything by number', async () => {
    const site = concentratorSite([meterOf(1, { measuringPoint: 4 })])
    const { job } = await site.done({ what: 'ask', item: '0C F25', meter: 'M-1' })
    expect(job?.result).toEqual([
      { item: '0C F25', label: null, meter: null, facts: [{ name: 'value', value: '230.1', unit: 'V' }], raw: '01 02' },
    ])
    expect(site.terminal.sent.at(-1)).toMatchObject({ what: 'query', args: ['0C F25', 4] })
  })
})

it('asks for events by their counters and keeps them; signal and routes stand by meter', async () => {
  const site = concentratorSite([meterOf(1, { measuringPoint: 1 })])
  const begins = { year: 2026, month: 11, day: 22, hour: 9, minute: 0, second: 0 }
  site.terminal.events = [
    { code: 'erc-10', meter: { pn: 1 }, begins, ends: null, edge: 'begin', facts: { ua: '0.0' }, raw: Uint8Array.of(10) },
  ]
  const { job } = await site.done({ what: 'events', level: 'important' })
  expect(job?.result).toMatchObject({
    from: 2,
    to: 12,
    counters: { important: 12, normal: 3 },
    events: [{ code: 'erc-10', begins: '2026-11-22T09:00:00', raw: '0A' }],
  })
  expect(site.taken).toHaveLength(1)
  expect((await site.done({ what: 'events', level: 'normal' })).job?.result).toMatchObject({ from: 0, to: 3 })
  await site.done({ what: 'routes' })
  expect(await site.port.routes('C-1')).toMatchObject({
    value: { items: [{ meter: 'M-1', address: '000000000001', pn: 1, facts: { signal: 9, hops: null } }] },
  })
})

it('notes terminals nobody knows, and puts one into the ledger', async () => {
  const site = concentratorSite()
  for (let call = 0; call < 3; call++) {
    site.opened.onNotice({ kind: 'unknown', protocol: 'gw3761', address: '4510-99', peer: `10.0.0.${call}:1` })
    site.pass(1000)
  }
  expect(await site.port.unknown()).toMatchObject([
    { address: '4510-99', count: 3, peer: '10.0.0.2:1', lastSeen: site.now() - 1000, firstSeen: site.now() - 3000 },
  ])
  const order = { protocol: 'gw3761', address: '4510-99', id: 'C-2', name: 'new', why: 'order 9' } as const
  expect(await site.port.adopt(order, 'li')).toMatchObject({ ok: true, value: { id: 'C-2', address: '4510-99' } })
  expect(await site.port.unknown()).toEqual([])
  expect(await site.port.adopt(order, 'li')).toMatchObject({ ok: false, error: { error: { code: 'CONCENTRATOR_VALUE' } } })
  for (let call = 0; call < 3000; call++) site.opened.onNotice({ kind: 'unknown', protocol: 'gw3761', address: `4510-${call}`, peer: 'x' })
  expect((await site.port.unknown()).length).toBeLessThanOrEqual(1000)
})

describe('control', () => {
  const li = { id: 't1', name: 'li' }
  const wang = { id: 't2', name: 'wang' }
  const order = { act: 'trip', point: 3, why: 'order 7' } as const
  const site = () => concentratorSite([meterOf(1, { measuringPoint: 3 })])
  const wire = (one: ReturnType<typeof site>) => one.terminal.sent.filter(({ what }) => what === 'control')

  it('is asked for by one person, confirmed by another, carried out once, and kept', async () => {
    const one = site()
    expect(await one.port.requestControl('C-1', order, li)).toMatchObject({
      value: { id: 1, state: 'requested', target: 'turn 3', requestedBy: 'li' },
    })
    expect(wire(one)).toEqual([])
    expect(await one.port.confirmControl('C-1', 1, wang)).toMatchObject({
      value: { state: 'done', confirmedBy: 'wang', frames: [/^tx /, /^rx /] },
    })
    expect(wire(one)).toEqual([{ what: 'control', args: ['trip', 3], writes: true }])
    expect(await one.port.confirmControl('C-1', 1, { id: 't3', name: 'zhao' })).toMatchObject({
      error: { error: { code: 'CONTROL_OVER' } },
    })
    one.restart()
    expect(await one.port.controls('C-1', 99, 10)).toMatchObject({
      value: [
        { state: 'done', steps: [{ step: 'requested', who: 'li', text: 'order 7' }, { step: 'confirmed', who: 'wang' }, { step: 'done' }] },
      ],
    })
    expect(wire(one)).toHaveLength(1)
  })

  it('names a meter by its address, never by its measuring point: where turns are counted that is another load', async () => {
    const one = site()
    expect(await one.port.requestControl('C-1', { act: 'trip', meter: 'M-1', why: 'order 7' }, li)).toMatchObject({
      value: { target: 'meter M-1 (000000000001)' },
    })
    await one.port.confirmControl('C-1', 1, wang)
    expect(wire(one)).toEqual([{ what: 'control', args: ['trip', '000000000001'], writes: true }])
  })

  it.each([
    ['the same token', li, 'CONTROL_SAME_PERSON'],
    ['another token of the same name', { id: 't9', name: 'li' }, 'CONTROL_SAME_PERSON'],
    ['the same token under another name', { id: 't1', name: 'wang' }, 'CONTROL_SAME_PERSON'],
  ])('is not confirmed by %s', async (_, person, code) => {
    const one = site()
    await one.port.requestControl('C-1', order, li)
    expect(await one.port.confirmControl('C-1', 1, person)).toMatchObject({ error: { error: { code } } })
    expect(wire(one)).toEqual([])
  })

  it('is void after ten minutes, when it was withdrawn, and when a switch went off meanwhile', async () => {
    const one = site()
    await one.port.requestControl('C-1', order, li)
    expect(await one.port.requestControl('C-1', order, wang)).toMatchObject({ error: { error: { code: 'CONTROL_PENDING' } } })
    one.pass(600_001)
    expect(await one.port.confirmControl('C-1', 1, wang)).toMatchObject({ error: { error: { code: 'CONTROL_LATE' } } })
    expect(await one.port.control('C-1', 1)).toMatchObject({ value: { state: 'expired' } })
    await one.port.requestControl('C-1', order, li)
    expect(await one.port.withdrawControl('C-1', 2, 'mistake', wang)).toMatchObject({ value: { state: 'withdrawn' } })
    expect(await one.port.confirmControl('C-1', 2, wang)).toMatchObject({ error: { error: { code: 'CONTROL_OVER' } } })
    await one.port.requestControl('C-1', order, li)
    for (const [off, on, code] of [
      [() => one.control(false), () => one.control(true), 'CONTROL_OFF'],
      [() => one.allow(false), () => one.allow(true), 'CONCENTRATOR_READ_ONLY'],
    ] as const) {
      off()
      expect(await one.port.confirmControl('C-1', 3, wang)).toMatchObject({ error: { error: { code } } })
      expect(await one.port.requestControl('C-1', { ...order, point: 4 }, li)).toMatchObject({ error: { error: { code } } })
      on()
    }
    expect(wire(one)).toEqual([])
  })

  it('is confirmed by one of two who do so at once', async () => {
    const one = site()
    await one.port.requestControl('C-1', order, li)
    const both = await Promise.all([one.port.confirmControl('C-1', 1, wang), one.port.confirmControl('C-1', 1, { id: 't3', name: 'zhao' })])
    expect(both.filter((answer) => answer.ok)).toHaveLength(1)
    expect(wire(one)).toHaveLength(1)
  })

  it('is never sent again: silence is not known, a refusal is one, and nothing sent is told as such', async () => {
    const one = site()
    one.terminal.before = ({ what }) => (what === 'control' ? silence() : undefined)
    await one.port.requestControl('C-1', order, li)
    expect(await one.port.confirmControl('C-1', 1, wang)).toMatchObject({ value: { state: 'unknown' } })
    one.terminal.before = () => refusal()
    await one.port.requestControl('C-1', order, li)
    expect(await one.port.confirmControl('C-1', 2, wang)).toMatchObject({ value: { state: 'refused' } })
    expect(wire(one)).toHaveLength(2)
    await one.port.requestControl('C-1', order, li)
    one.terminal.online = false
    expect(await one.port.confirmControl('C-1', 3, wang)).toMatchObject({ error: { because: 'line-down' } })
    expect(await one.port.control('C-1', 3)).toMatchObject({ value: { state: 'requested' } })
  })

  it('is refused at once where the protocol has no such thing', async () => {
    const one = site()
    expect(await one.port.requestControl('C-1', { act: 'close', why: 'order 7' }, li)).toMatchObject({
      error: { error: { code: 'FAKE_REFUSED' } },
    })
    expect(await one.port.controls('C-1', 99, 10)).toMatchObject({ value: [] })
  })

  it('that was under way when the gateway was killed is not known', async () => {
    const one = site()
    one.terminal.before = ({ what }) => (what === 'control' ? (new Promise(() => undefined) as never) : undefined)
    await one.port.requestControl('C-1', order, li)
    void one.port.confirmControl('C-1', 1, wang).catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    one.restart()
    expect(await one.port.control('C-1', 1)).toMatchObject({ value: { state: 'unknown' } })
  })
})

it('lets nothing leave that changes anything where writing is off, whatever is asked for', async () => {
  const site = concentratorSite([meterOf(1, { measuringPoint: 1 })])
  site.allow(false)
  site.terminal.records.set(9, recordOf(9))
  const orders: ConcentratorOrder[] = [
    { what: 'archive-read' },
    { what: 'archive-download' },
    { what: 'archive-delete', numbers: [9], alsoInLedger: true },
    { what: 'parameters-read', items: [{ id: 'F1', pn: null }] },
    { what: 'parameters-set', items: [{ id: 'F1', pn: null, value: { heartbeatMin: 9 } }] },
    { what: 'parameters-compare', items: [{ id: 'F1', pn: null, value: { heartbeatMin: 9 } }] },
    { what: 'clock-read' },
    { what: 'clock-set', second: 'wang', acceptCrossing: true },
    { what: 'events', level: 'important' },
    { what: 'routes' },
    { what: 'read', read: 'current' },
    { what: 'ask', item: '0C F25' },
  ]
  for (const order of orders) await site.done(order)
  for (const act of CONTROL_ACTS) {
    await site.port.requestControl('C-1', { act, meter: 'M-1', why: 'try' }, { id: 'a', name: 'a' })
    await site.port.confirmControl('C-1', 1, { id: 'b', name: 'b' })
  }
  expect(site.terminal.sent.length).toBeGreaterThan(5)
  expect(site.terminal.sent.filter(({ writes }) => writes)).toEqual([])
  // The same with the switch on, so that this test can fail.
  site.allow(true)
  await site.done({ what: 'archive-download' })
  expect(site.terminal.sent.filter(({ writes }) => writes)).toHaveLength(1)
})

/** One register in the form of DL/T 645 profiles. */
const SINGLE = {
  source: 'DL/T 645-2007',
  registers: [{ obis: '1-0:1.8.0', di: '00010000', scaler: -2, unit: 'kWh', sample: { hex: '78 56 34 12', value: 123456.78 } }],
}

/** What a meter says to a read of 00010000, or of all of 000100FF. @source DL/T 645-2007, 5.2 */
const answered645 = (address: string, request: readonly number[]): number[] => {
  expect(adapterOf('dlt645-2007', 'rtu')).not.toBeNull()
  const from = request.indexOf(0x68)
  const di = request.slice(from + 10, from + 14)
  const bcd = (address.match(/../g) ?? []).reverse().map((pair) => Number.parseInt(pair, 16))
  const data = [...di, ...[0x78, 0x56, 0x34, 0x12].map((byte) => (byte + 0x33) & 0xff)]
  const frame = [0x68, ...bcd, 0x68, 0x91, data.length, ...data]
  return [...frame, frame.reduce((sum, byte) => sum + byte, 0) & 0xff, 0x16]
}
