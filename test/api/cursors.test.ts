import { expect, it } from 'vitest'
import { api, asReader } from './fake.ts'

const json = async (url: string) => {
  const { app } = await api()
  const answer = await app.inject({ url, headers: asReader })
  return { status: answer.statusCode, body: answer.json() }
}
/** The cursor after the first item. */
const cursorOf = async (list: string): Promise<string> => {
  const { body } = await json(`${list}${list.includes('?') ? '&' : '?'}limit=1`)
  expect([list, body.next]).toEqual([list, expect.any(String)])
  return encodeURIComponent(body.next)
}
const refused = { status: 400, body: expect.objectContaining({ code: 'API_CURSOR' }) }

const POINTS = '/api/v1/points'
const LATEST = '/api/v1/latest'
const READINGS = '/api/v1/points/P-001/readings?from=2026-08-15T00:00:00Z&to=2026-08-16T00:00:00Z'

it.each([
  [POINTS, LATEST],
  [LATEST, POINTS],
  [POINTS, '/api/v1/cases'],
  [POINTS, '/api/v1/clocks'],
  [READINGS, READINGS.replace('P-001', 'P-002')],
])('a cursor of %s is none of %s', async (list, other) => {
  const cursor = await cursorOf(list)
  expect(await json(`${other}${other.includes('?') ? '&' : '?'}cursor=${cursor}`)).toEqual(refused)
})

it.each([
  [POINTS, `${POINTS}?text=P`],
  [LATEST, `${LATEST}?registers=1.8.0`],
  [READINGS, `${READINGS}&registers=1.8.0`],
])('a cursor of %s is none of %s', async (list, other) => {
  const cursor = await cursorOf(list)
  expect(await json(`${other}&cursor=${cursor}`)).toEqual(refused)
})

it.each([POINTS, LATEST, READINGS])('a cursor of %s goes on where the page ended, whatever the size of the next one', async (list) => {
  const with_ = (more: string) => `${list}${list.includes('?') ? '&' : '?'}${more}`
  const whole = (await json(with_('limit=100'))).body.items
  const rest = (await json(with_(`limit=99&cursor=${await cursorOf(list)}`))).body.items
  expect(rest).toEqual(whole.slice(1))
})

it('a cursor of before is refused, not read as something else', async () => {
  const old = Buffer.from('["P-001"]').toString('base64url')
  expect(await json(`${POINTS}?cursor=${old}`)).toEqual(refused)
})

it('a cursor with a number that no instant has is refused, not taken for one', async () => {
  const list = '/api/v1/signal?level=meter'
  const cursor = decodeURIComponent(await cursorOf(list))
  for (const end of ['1e300', '1e400', '-1e400']) {
    const forged = cursor.slice(0, 8) + Buffer.from(`[1,${end}]`).toString('base64url')
    expect(await json(`${list}&cursor=${forged}`)).toEqual(refused)
  }
})
