import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { failWith, PartFailed } from '../../src/core/index.ts'
import { api, asRole } from './fake.ts'
import { fakeBillingReads } from './fake-billing-reads.ts'

const AT = '2026-08-01T00:00:00%2B08:00'
const SPAN = `from=2026-07-01T00:00:00%2B08:00&to=${AT}`
const READINGS = `/api/v1/billing/readings?at=${AT}`
const ENERGY = `/api/v1/billing/energy?${SPAN}`
const get = async (url: string, headers: Record<string, string> = asRole('billing'), change: Parameters<typeof api>[0] = {}) => {
  const { app } = await api(change)
  const answer = await app.inject({ url, headers })
  return { status: answer.statusCode, type: String(answer.headers['content-type']), text: answer.body, json: () => answer.json() }
}
const seeing = (...points: string[]) => ({
  scopeOf: () => ({ all: false, sees: (_kind: string, id: string) => points.includes(id) || id === 'A-1' }),
})

describe('registers at a billing instant', () => {
  it('are out when the store is, which is no bug of the gateway', async () => {
    const { billingReads } = fakeBillingReads()
    const outage = failWith({ STORE_SLOW: { recovery: 'wait', hint: 'the disk is overloaded; ask again later' } })
    const out = async function* (): ReturnType<typeof billingReads.readings> {
      yield []
      throw new PartFailed(outage('STORE_SLOW', 'the reader: scan took longer than 30000 ms').error)
    }
    const { status, json } = await get(READINGS, asRole('billing'), { billingReads: { ...billingReads, readings: out } })
    expect({ status, code: json().code, hint: json().hint }).toEqual({
      ...{ status: 503, code: 'STORE_SLOW', hint: 'the disk is overloaded; ask again later' },
    })
  })

  it('gives what was released as it was released, and what is read now beside it', async () => {
    const { status, json } = await get(READINGS)
    expect(status).toBe(200)
    const { items, next, notBilled } = json()
    expect(items.map(({ point, state }: { point: string; state: string }) => `${point} ${state}`)).toEqual([
      'P-001 released',
      'P-002 provisional',
      'P-003 held',
      'P-004 provisional',
    ])
    expect({ next, notBilled }).toEqual({ next: null, notBilled: [] })
    expect(items[0]).toMatchObject({ at: '2026-07-31T16:00:00.000Z', area: 'A-1', customer: 'C-1', meter: 'M-1', missing: [], holds: [] })
    expect(items[0].registers[0]).toEqual({
      ...{
        register: '1.8.0',
        unit: 'kWh',
        value: '123.40',
        ratio: '40',
        primary: '4936.00',
        meter: 'M-1',
        source: 'day-freeze',
        quality: ['good'],
      },
      ...{ measuredAt: '2026-07-31T16:00:00.000Z', receivedAt: '2026-07-31T16:01:00.000Z', state: 'released', version: 2 },
      ...{ releasedAt: '2026-07-31T16:01:30.000Z', evidence: { id: 'E-1', kind: 'frame', sha256: 'ab'.repeat(32) } },
      pending: expect.objectContaining({ value: '123.50', primary: '4940.00', storedRatio: '20' }),
    })
    expect(items[2]).toMatchObject({
      meter: null,
      registers: [],
      missing: ['1.8.0'],
      holds: [{ reason: 'no-read', text: 'no meter hung there' }],
    })
  })

  it('goes on page by page', async () => {
    const seen: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const page: { items: { point: string }[]; next: string | null } = (
        await get(`${READINGS}&limit=3${next ? `&cursor=${next}` : ''}`)
      ).json()
      seen.push(...page.items.map(({ point }) => point))
      next = page.next
    }
    expect(seen).toEqual(['P-001', 'P-002', 'P-003', 'P-004'])
  })

  it('narrows by state, place and point, and names points that are not billed', async () => {
    const points = async (more: string) => {
      const { items, notBilled } = (await get(`${READINGS}${more}`)).json()
      return [items.map(({ point }: { point: string }) => point), notBilled]
    }
    expect(await points('&state=provisional&limit=1')).toEqual([['P-002'], []])
    expect(await points('&point=P-003&point=P-001')).toEqual([['P-001', 'P-003'], []])
    expect(await points('&point=P-003&point=P-000')).toEqual([['P-003'], ['P-000']])
    expect(await points('&zone=Z-2')).toEqual([[], []])
  })

  it.each([
    ['by its name', `${READINGS}&format=ndjson`, {}],
    ['by the header', READINGS, { accept: 'application/x-ndjson' }],
  ])('gives every point as a line, and a summary as the last, %s', async (_, url, more) => {
    const { type, text } = await get(url, { ...asRole('billing'), ...more })
    expect(type).toBe('application/x-ndjson; charset=utf-8')
    const lines = text.trimEnd().split('\n')
    expect(lines.slice(0, -1).map((line) => JSON.parse(line).point)).toEqual(['P-001', 'P-002', 'P-003', 'P-004'])
    const body = lines.slice(0, -1).map((line) => `${line}\n`)
    expect(JSON.parse(lines.at(-1)!)).toEqual({
      summary: {
        ...{ at: '2026-07-31T16:00:00.000Z', points: 4, states: { released: 1, provisional: 2, held: 1, withdrawn: 0 } },
        ...{ reasons: { 'no-read': 1 }, notBilled: [], sha256: createHash('sha256').update(body.join('')).digest('hex'), complete: true },
      },
    })
    const page = (await get(READINGS)).json().items
    expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual(page)
  })

  it('gives no summary when the store fails half-way', async () => {
    const reads = fakeBillingReads().billingReads
    const broken = {
      billingReads: {
        ...reads,
        readings: async function* (...asked: Parameters<typeof reads.readings>) {
          yield* reads.readings(...asked)
          throw new Error('the disk is gone')
        },
      },
    }
    const { app } = await api(broken)
    const answer = await app.inject({ url: `${READINGS}&format=ndjson`, headers: asRole('billing') }).then(
      ({ body }) => body,
      (error: Error) => error.message,
    )
    expect(answer).not.toContain('complete')
    expect((await get(READINGS, asRole('billing'), broken)).status).toBe(500)
  })

  it('leaves out what lies outside, in pages, lines and counts', async () => {
    const page = (await get(READINGS, asRole('billing'), seeing('P-002', 'P-004'))).json()
    expect(page.items.map(({ point }: { point: string }) => point)).toEqual(['P-002', 'P-004'])
    const { text } = await get(`${READINGS}&format=ndjson`, asRole('billing'), seeing('P-002'))
    expect(JSON.parse(text.trimEnd().split('\n').at(-1)!).summary).toMatchObject({ points: 1 })
    expect((await get(`${READINGS}&point=P-001`, asRole('billing'), seeing('P-002'))).status).toBe(404)
  })

  it.each([
    ['no instant', '/api/v1/billing/readings', 400],
    ['an instant that is none', '/api/v1/billing/readings?at=yesterday', 400],
    ['an instant to come', '/api/v1/billing/readings?at=2027-01-01T00:00:00Z', 400],
    ['a point nobody knows', `${READINGS}&point=P-999`, 404],
    ['a strange cursor', `${READINGS}&cursor=abc`, 400],
    ['a cursor of another instant', `${READINGS}&cursor=${Buffer.from('[1,"P-001"]').toString('base64url')}`, 400],
    ['a state that is none', `${READINGS}&state=good`, 400],
    ['a limit of nothing', `${READINGS}&limit=0`, 400],
    ['energy backwards', `/api/v1/billing/energy?from=${AT}&to=2026-07-01T00:00:00%2B08:00`, 400],
    ['energy of no time', `/api/v1/billing/energy?from=${AT}&to=${AT}`, 400],
    ['energy of a hundred years', `/api/v1/billing/energy?from=1926-08-01T00:00:00Z&to=${AT}`, 400],
    ['a customer nobody knows', `/api/v1/billing/customers/C-9/energy?${SPAN}`, 404],
  ])('refuses %s', async (_, url, status) => {
    const answer = await get(url)
    expect(answer.status).toBe(status)
    expect(answer.json()).toMatchObject({ code: expect.any(String), hint: expect.any(String) })
  })
})

describe('energy between two billing instants', () => {
  it('shows the ends, the stretches, and why a figure is not known', async () => {
    const { items } = (await get(ENERGY)).json()
    expect(items[0].registers[0]).toEqual({
      ...{ register: '1.8.0', unit: 'kWh', energy: '400.00', estimatedPpm: 0, reasons: [], released: true },
      start: { value: '100.00', meter: 'M-1', source: 'day-freeze', measuredAt: '2026-06-30T16:00:00.000Z', state: 'released', version: 1 },
      end: { value: '110.00', meter: 'M-1', source: 'day-freeze', measuredAt: '2026-07-31T16:00:00.000Z', state: 'released', version: 1 },
      segments: [
        {
          ...{
            meter: 'M-1',
            from: '2026-06-30T16:00:00.000Z',
            to: '2026-07-31T16:00:00.000Z',
            ratio: '40',
            start: '100.00',
            end: '110.00',
          },
          ...{ delta: '10.00', energy: '400.00' },
        },
      ],
    })
    expect(items[2]).toMatchObject({
      ...{ point: 'P-003', state: 'held', holds: [{ at: '2026-06-30T16:00:00.000Z', reason: 'no-read' }] },
      registers: [{ energy: null, start: null, reasons: ['missing'], released: false }],
    })
  })

  it('goes on page by page, and gives all as lines', async () => {
    const first = (await get(`${ENERGY}&limit=3`)).json()
    const second = (await get(`${ENERGY}&limit=3&cursor=${first.next}`)).json()
    expect([...first.items, ...second.items].map(({ point }: { point: string }) => point)).toEqual(['P-001', 'P-002', 'P-003', 'P-004'])
    const { text } = await get(`${ENERGY}&format=ndjson`)
    expect(JSON.parse(text.trimEnd().split('\n').at(-1)!).summary).toMatchObject({
      points: 4,
      from: '2026-06-30T16:00:00.000Z',
      complete: true,
    })
  })

  it('sums up a customer with signs', async () => {
    const { json } = await get(`/api/v1/billing/customers/C-1/energy?${SPAN}`)
    expect(json()).toMatchObject({
      ...{
        customer: 'C-1',
        state: 'released',
        notBilled: ['P-000'],
        sums: [{ register: '1.8.0', unit: 'kWh', energy: '0.00', reasons: [] }],
      },
      points: [
        { point: 'P-001', sign: 1 },
        { point: 'P-002', sign: -1 },
      ],
    })
  })
})

it('says how far an instant is', async () => {
  const { json } = await get(`/api/v1/billing/completeness?at=${AT}`)
  const counts = { due: 4, released: 1, provisional: 2, held: 1, withdrawn: 0, pending: 1, reasons: { 'no-read': 1 } }
  expect(json()).toEqual({
    ...{ at: '2026-07-31T16:00:00.000Z', items: [{ zone: 'Z-1', area: 'A-1', ...counts }] },
    total: { zone: null, area: null, ...counts },
    next: null,
  })
})
