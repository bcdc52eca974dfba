import { describe, expect, it } from 'vitest'
import { api, asOperator, asReader } from './fake.ts'

describe('meters that are not in the ledger', () => {
  it('are listed page by page, by what is asked', async () => {
    const { app } = await api()
    const get = async (query: string) => (await app.inject({ url: `/api/v1/unregistered${query}`, headers: asReader })).json()
    const first = await get('?limit=2')
    expect(first.items.map(({ id }: { id: number }) => id)).toEqual([1, 2])
    expect(first.items[0]).toMatchObject({
      ...{ channel: 'plant', address: 'stranger 1', firstSeen: '2026-08-14T08:00:00.000Z', overdue: true, suggestedArea: 'A-1' },
      register: { obis: '1-0:1.8.0', value: '12.50', unit: 'kWh' },
    })
    const second = await get(`?limit=2&cursor=${first.next}`)
    expect([second.items.map(({ id }: { id: number }) => id), second.next]).toEqual([[3], null])
    expect((await get('?overdue=true')).items).toHaveLength(2)
    expect((await get('?state=closed&channel=line-1')).items).toHaveLength(1)
    expect((await get('?cursor=nonsense')).code).toBe('API_CURSOR')
  })

  it('are shown with their history, adopted and closed by name and with a reason', async () => {
    const { app } = await api()
    const detail = await app.inject({ url: '/api/v1/unregistered/1', headers: asReader })
    expect(detail.json()).toMatchObject({ id: 1, history: [{ what: 'seen', at: '2026-08-14T08:00:00.000Z' }] })
    const post = (path: string, payload: object, headers = asOperator) =>
      app.inject({ method: 'POST', url: `/api/v1/unregistered/${path}`, headers, payload })
    const adopted = await post('1/adopt', { meter: 'M-7', point: 'P-7', from: '2026-08-01T00:00:00+08:00', why: 'found' })
    expect([adopted.statusCode, adopted.json().adopted]).toMatchObject([
      200,
      { by: 'operator', meter: 'M-7', point: 'P-7', from: '2026-07-31T16:00:00.000Z', complete: false },
    ])
    const closed = await post('2/close', { why: 'gone' })
    expect(closed.json()).toMatchObject({ state: 'closed', closed: { by: 'operator', why: 'gone', forever: false } })
    for (const [path, body, status, code] of [
      ['1/adopt', { meter: 'M-7', point: 'P-7' }, 400, 'API_VALUE'],
      ['1/adopt', { meter: 'M 7', point: 'P-7', why: 'x' }, 400, 'API_VALUE'],
      ['1/adopt', { meter: 'M-7', point: 'P-7', why: 'x', extra: 1 }, 400, 'API_VALUE'],
      ['2/close', { why: '  ' }, 400, 'API_VALUE'],
      ['9/close', { why: 'x' }, 404, 'STRANGER_UNKNOWN'],
      ['3/close', { why: 'x' }, 422, 'STRANGER_STATE'],
    ] as const) {
      const answer = await post(path, body)
      expect([path, answer.statusCode, answer.json().code]).toEqual([path, status, code])
    }
    expect((await post('1/adopt', { meter: 'M-7', point: 'P-7', why: 'x' }, asReader)).statusCode).toBe(403)
    expect((await app.inject({ url: '/api/v1/unregistered/99', headers: asReader })).json()).toMatchObject({ code: 'API_UNREGISTERED' })
  })

  it('have a statement by month, digit for digit', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: '/api/v1/unregistered/1/statement', headers: asReader })
    expect(answer.json()).toEqual({
      ...{ obis: '1-0:1.8.0', unit: 'kWh', used: '12.50', readings: 2 },
      months: [
        expect.objectContaining({ month: '2026-08', first: { at: '2026-08-14T08:00:00.000Z', value: '1.00' }, used: '12.50', missing: [] }),
        { month: '2026-09', first: null, last: null, used: null, missing: ['no reading in this month'] },
      ],
    })
    const wrong = await app.inject({ url: '/api/v1/unregistered/1/statement?register=x', headers: asReader })
    expect([wrong.statusCode, wrong.json().code]).toEqual([400, 'API_VALUE'])
  })

  it('are counted for Prometheus', async () => {
    const { app } = await api()
    const { body } = await app.inject({ url: '/metrics', headers: asReader })
    expect(body).toContain('gridtally_unregistered_meters{state="open"} 3')
    expect(body).toContain('gridtally_unregistered_overdue 2')
    expect(body).toContain('gridtally_unregistered_refused_total 7')
  })
})
