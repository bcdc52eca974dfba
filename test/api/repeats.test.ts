import { describe, expect, it } from 'vitest'
import { ok } from '../../src/core/index.ts'
import { api, asOperator, asReader, asRole } from './fake.ts'

const replay = (key: string | undefined, body: object = { ids: [1, 2] }, headers: Record<string, string> = asOperator) => ({
  method: 'POST' as const,
  url: '/api/v1/dead-letters/replay',
  headers: { ...headers, ...(key === undefined ? {} : { 'idempotency-key': key }) },
  payload: body,
})

describe('a request with an Idempotency-Key', () => {
  const counted = async () => {
    const done: unknown[] = []
    const world = await api({
      replay: async (ids) => {
        done.push(ids)
        return ok(done.length)
      },
    })
    return { ...world, done }
  }

  it('is done once; whoever repeats it gets the same answer', async () => {
    const { app, done } = await counted()
    const first = await app.inject(replay('k-1'))
    const second = await app.inject(replay('k-1'))
    expect(done).toHaveLength(1)
    expect([first.statusCode, second.statusCode]).toEqual([200, 200])
    expect(second.json()).toEqual(first.json())
    expect(first.headers['idempotency-replayed']).toBeUndefined()
    expect(second.headers['idempotency-replayed']).toBe('true')
    expect(second.headers['content-type']).toBe(first.headers['content-type'])
  })

  it('is done again under another key, and without one', async () => {
    const { app, done } = await counted()
    for (const key of ['k-1', 'k-2', undefined, undefined]) await app.inject(replay(key))
    expect(done).toHaveLength(4)
  })

  it('is refused when the key was used for something else', async () => {
    const { app, done } = await counted()
    await app.inject(replay('k-1'))
    const other = await app.inject(replay('k-1', { ids: [3] }))
    expect([other.statusCode, other.json().code]).toEqual([422, 'API_REPEAT_OTHER'])
    expect(done).toHaveLength(1)
  })

  it('belongs to whoever used it', async () => {
    const { app, done } = await counted()
    await app.inject(replay('k-1'))
    const engineer = await app.inject(replay('k-1', { ids: [9] }, asRole('engineer')))
    expect(engineer.statusCode).toBe(200)
    expect(done).toHaveLength(2)
  })

  it('does not use the key when it is not well-formed or not allowed', async () => {
    const { app, done } = await counted()
    expect((await app.inject(replay('k-1', { ids: 'nonsense' }))).statusCode).toBe(400)
    expect((await app.inject(replay('k-1', { ids: [1] }, asReader))).statusCode).toBe(403)
    expect((await app.inject(replay('k-1'))).statusCode).toBe(200)
    expect(done).toHaveLength(1)
  })

  it('that is repeated while it is done is told to wait', async () => {
    let release = () => {}
    let begun = () => {}
    const started = new Promise<void>((done) => {
      begun = done
    })
    const { app } = await api({
      replay: async () => {
        begun()
        await new Promise<void>((done) => {
          release = done
        })
        return ok(1)
      },
    })
    const first = app.inject(replay('k-1'))
    await started
    const second = await app.inject(replay('k-1'))
    expect([second.statusCode, second.json().code, second.headers['retry-after']]).toEqual([409, 'API_REPEAT_UNDER_WAY', '1'])
    release()
    expect((await first).statusCode).toBe(200)
    expect((await app.inject(replay('k-1'))).headers['idempotency-replayed']).toBe('true')
  })

  it('may be tried again when nothing was done, and not when nobody knows', async () => {
    let calls = 0
    const { app } = await api({
      replay: async () => {
        calls++
        if (calls === 1) throw new Error('a bug')
        return ok(1)
      },
    })
    expect((await app.inject(replay('k-1'))).statusCode).toBe(500)
    const again = await app.inject(replay('k-1'))
    expect([again.statusCode, again.json().code]).toEqual([409, 'API_REPEAT_UNKNOWN'])
    expect((await app.inject(replay('k-2'))).statusCode).toBe(200)
    expect(calls).toBe(2)
  })

  it('is left to a route that knows its keys: a release is shown as it is now, and goes on', async () => {
    const { app } = await api({}, {})
    const release = () =>
      app.inject({
        ...{ method: 'POST', url: '/api/v1/billing/releases', headers: { ...asRole('billing'), 'idempotency-key': 'k-1' } },
        payload: { at: '2026-08-01T00:00:00Z', note: 'July' },
      })
    const answers = [await release(), await release()]
    expect(answers.map(({ statusCode, headers }) => [statusCode, headers['idempotency-replayed']])).toEqual([
      [200, undefined],
      [200, undefined],
    ])
  })

  it.each(['', 'x'.repeat(256), 'two words', 'é'])('refuses the key "%s"', async (key) => {
    const { app, done } = await counted()
    const answer = await app.inject(replay(key))
    expect([answer.statusCode, answer.json().errors[0].place]).toEqual([400, 'headers/idempotency-key'])
    expect(done).toHaveLength(0)
  })
})

describe('an answer that has not changed', () => {
  it('is not sent again', async () => {
    const { app } = await api()
    const first = await app.inject({ url: '/api/v1/points?limit=3', headers: asReader })
    const tag = String(first.headers.etag)
    expect(tag).toMatch(/^W\/"[\w-]+"$/)
    for (const shown of [tag, `"x", ${tag}`, '*']) {
      const second = await app.inject({ url: '/api/v1/points?limit=3', headers: { ...asReader, 'if-none-match': shown } })
      expect([second.statusCode, second.payload, second.headers.etag]).toEqual([304, '', tag])
    }
    const other = await app.inject({ url: '/api/v1/points?limit=4', headers: { ...asReader, 'if-none-match': tag } })
    expect(other.statusCode).toBe(200)
  })

  it('keeps the tag of a version where a route has one', async () => {
    const { app } = await api()
    const { headers } = await app.inject({ url: '/api/v1/rules', headers: asReader })
    expect(headers.etag).toMatch(/^"/)
  })

  it('is never a refusal', async () => {
    const { app } = await api()
    const refused = await app.inject({ url: '/api/v1/points/nobody', headers: { ...asReader, 'if-none-match': '*' } })
    expect([refused.statusCode, refused.headers.etag]).toEqual([404, undefined])
  })
})
