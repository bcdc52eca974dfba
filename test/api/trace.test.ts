import { describe, expect, it } from 'vitest'
import { type ApiDeps, type ApiOptions, listenApi, type TracedFrame } from '../../src/api/index.ts'
import { readCapture } from '../../src/capture/index.ts'
import { api, asReader, bearer, errorOf, extraToken, fail, NOW, OPTIONS, refusal, TOKENS } from './fake.ts'

const listening = async (change: Partial<ApiDeps> = {}, options: Partial<ApiOptions> = {}) => {
  const world = await api(change, options)
  return { ...world, address: await listenApi(world.app, OPTIONS) }
}
const frame: TracedFrame = {
  at: NOW,
  direction: 'tx',
  bytes: new Uint8Array([0x68, 0xab, 0x16]),
  description: 'read 00010000',
  device: '12',
}
const path = '/api/v1/lines/line-1/trace'

/** Reads a stream until what came matches. */
const readUntil = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: RegExp): Promise<string> => {
  let text = ''
  while (!wanted.test(text)) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`stream ended: ${text}`)
    text += Buffer.from(value).toString()
  }
  return text
}
const restOf = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> => {
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text
    text += Buffer.from(value).toString()
  }
}
const readerOf = (answer: Response) => answer.body!.getReader()

describe('the trace of a line', () => {
  const rich: TracedFrame = {
    ...frame,
    ...{ what: 'tx', protocol: 'dlt645-2007', hidden: [{ at: 1, size: 1 }] },
    explained: () => ({
      fields: [{ offset: 1, length: 1, hex: '**', name: 'password', meaning: '**' }],
      error: { code: 'DLT645_CHECKSUM', offset: 2, message: 'checksum 16H', hint: 'check A/B' },
    }),
  }

  it('gives every field and the byte at fault when asked, and hides what is hidden', async () => {
    const { address, listeners } = await listening()
    const reader = readerOf(await fetch(`${address}${path}?format=text&fields=1`, { headers: asReader }))
    await readUntil(reader, /\n/)
    for (const listener of listeners) listener(rich)
    expect(JSON.parse(await readUntil(reader, /\n/))).toMatchObject({
      ...{ hex: '68 ** 16', protocol: 'dlt645-2007', what: 'tx' },
      ...{ fields: [{ offset: 1, hex: '**', name: 'password' }], error: { code: 'DLT645_CHECKSUM', offset: 2 } },
    })
    await reader.cancel()
  })

  it('shows one meter, by line or by its own path, and one direction', async () => {
    const { address, listeners } = await listening()
    for (const url of [`${path}?format=text&meter=M-P-001&direction=tx`, '/api/v1/meters/M-P-001/trace?format=text&direction=tx']) {
      const reader = readerOf(await fetch(`${address}${url}`, { headers: asReader }))
      await readUntil(reader, /\n/)
      for (const listener of listeners) {
        listener(frame)
        listener({ ...frame, device: 'M-P-001', direction: 'rx' })
        listener({ ...frame, device: 'M-P-001' })
      }
      expect(JSON.parse(await readUntil(reader, /\n/))).toMatchObject({ device: 'M-P-001', direction: 'tx' })
      await reader.cancel()
      listeners.clear()
    }
    const unknown = await fetch(`${address}/api/v1/meters/nobody/trace`, { headers: asReader })
    expect([unknown.status, await unknown.json()]).toEqual([404, expect.objectContaining({ code: 'API_TRACED_METER' })])
  })

  it.each(['plain', 'jsonl', 'pcap'] as const)('writes a capture as %s that can be read back', async (format) => {
    const { address, listeners, app } = await listening()
    const answer = await fetch(`${address}${path}?format=${format}`, { headers: asReader })
    const body = answer.arrayBuffer()
    await expect.poll(() => listeners.size).toBe(1)
    for (const listener of listeners) {
      listener({ ...frame, bytes: new Uint8Array([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2]) })
      listener({ ...frame, direction: 'rx', at: NOW + 7, bytes: new Uint8Array([0, 1, 0, 0, 0, 7, 1, 3, 4, 1, 2, 3, 4]), tookMs: 7 })
    }
    await app.close()
    const read = readCapture(new Uint8Array(await body))
    if (!read.ok) throw new Error(read.error.message)
    expect(read.value.frames.filter(({ what }) => what !== 'note').map(({ at, what, bytes }) => [at, what, bytes.length])).toEqual([
      [NOW, 'tx', 12],
      [NOW + 7, 'rx', 13],
    ])
  })

  it('has no packets of a broker', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: '/api/v1/lines/plant/trace?format=pcap', headers: asReader })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_VALUE'])
  })

  it('sends each frame as an event, with a number', async () => {
    const { address, listeners } = await listening()
    const answer = await fetch(`${address}${path}`, { headers: asReader })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    const reader = readerOf(answer)
    await readUntil(reader, /: trace\n\n/)
    for (const listener of listeners) {
      listener(frame)
      listener({ ...frame, direction: 'rx', at: NOW + 7 })
    }
    const data = { at: new Date(NOW).toISOString(), direction: 'tx', hex: '68 AB 16', description: 'read 00010000', device: '12' }
    expect(await readUntil(reader, /id: 2[\s\S]*\n\n/)).toBe(
      `id: 1\nevent: frame\ndata: ${JSON.stringify(data)}\n\n` +
        `id: 2\nevent: frame\ndata: ${JSON.stringify({ ...data, at: new Date(NOW + 7).toISOString(), direction: 'rx' })}\n\n`,
    )
    await reader.cancel()
  })

  it('sends JSON lines when asked for text', async () => {
    const { address, listeners } = await listening()
    const answer = await fetch(`${address}${path}?format=text`, { headers: asReader })
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    const reader = readerOf(answer)
    await readUntil(reader, /\n/)
    for (const listener of listeners) listener(frame)
    expect(JSON.parse(await readUntil(reader, /\n/))).toMatchObject({ event: 'frame', hex: '68 AB 16' })
    await reader.cancel()
  })

  it('lets go of the line when the client goes', async () => {
    let gone = () => {}
    const released = new Promise<void>((resolve) => {
      gone = resolve
    })
    const { address } = await listening({ trace: () => ({ ok: true, value: () => gone() }) })
    const answer = await fetch(`${address}${path}`, { headers: asReader })
    await readerOf(answer).cancel()
    await released
  })

  it('refuses when the line is down, and keeps no place', async () => {
    const { app } = await api({ trace: () => refusal('line-down', errorOf(fail('LINE_DOWN', 'unplugged'))) }, { trace: { perToken: 1 } })
    for (let turn = 0; turn < 3; turn++) {
      const answer = await app.inject({ url: path, headers: asReader })
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'LINE_DOWN'])
    }
  })

  it('is limited per token, and a place becomes free again', async () => {
    let free = () => {}
    const released = new Promise<void>((resolve) => {
      free = resolve
    })
    const { address } = await listening({ trace: () => ({ ok: true, value: () => free() }) }, { trace: { perToken: 2 } })
    const ask = (token = TOKENS.read.text) => fetch(`${address}${path}`, { headers: bearer(token) })
    const [first, second] = [await ask(), await ask()]
    const third = await ask()
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429])
    expect(await third.json()).toMatchObject({ code: 'API_TRACES' })
    const other = await ask(TOKENS.operate.text)
    expect(other.status).toBe(200)
    await first.body?.cancel()
    await released
    const again = await ask()
    expect(again.status).toBe(200)
    for (const { body } of [second, other, again]) await body?.cancel()
  })

  it('ends by itself after its longest time', async () => {
    const { address } = await listening({}, { trace: { longestMs: 50 } })
    const text = await restOf(readerOf(await fetch(`${address}${path}`, { headers: asReader })))
    expect(text).toContain('event: end\ndata: {"reason":"the longest time of a trace is over"}\n\n')
  })

  it('keeps the connection awake', async () => {
    const { address } = await listening({}, { trace: { heartbeatMs: 20 } })
    const reader = readerOf(await fetch(`${address}${path}`, { headers: asReader }))
    await readUntil(reader, /: still here\n\n[\s\S]*: still here\n\n/)
    await reader.cancel()
  })

  it('ends when the token is revoked', async () => {
    const { address, tokens } = await listening({}, { trace: { heartbeatMs: 20 } })
    const reader = readerOf(await fetch(`${address}${path}`, { headers: asReader }))
    await readUntil(reader, /: trace/)
    tokens[0] = { ...tokens[0]!, revokedAt: NOW - 1 }
    expect(await restOf(reader)).toContain('"reason":"the token or session is no longer accepted"')
  })

  it('drops frames for a client that does not read, counts them, and does not grow', async () => {
    const { traceStreams } = await import('../../src/api/trace-streams.ts')
    const { linesForm } = await import('../../src/api/trace-forms.ts')
    const streams = traceStreams()
    const stream = streams.open({ id: 'reader', address: '::1', again: () => null }, linesForm(false))!
    for (let at = 0; at < 100_000; at++) stream.frame({ ...frame, at })
    const { readable } = stream
    expect(readable.readableLength).toBeLessThan(300_000)
    const kept = String(readable.read()).trim().split('\n').length
    stream.frame({ ...frame, description: 'later' })
    const rest = String(readable.read())
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(rest).toMatchObject([
      { event: 'dropped', frames: 100_000 - kept },
      { event: 'frame', description: 'later' },
    ])
    readable.destroy()
  })

  it('stops with the gateway: 50 open streams hear why, and close() waits for none of them', async () => {
    const people = Array.from({ length: 13 }, (_, at) => extraToken(`reader-${at}`))
    const { address, app, tokens } = await listening()
    tokens.push(...people.map(({ stored }) => stored))
    const open = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => readerOf(await fetch(`${address}${path}`, { headers: bearer(people[at >> 2]!.text) }))),
    )
    // Half of them never read anything.
    const heard = open.slice(0, 25).map(restOf)
    await app.close()
    for (const text of await Promise.all(heard)) expect(text).toContain('"reason":"the gateway is stopping"')
    await Promise.all(open.slice(25).map((reader) => reader.cancel().catch(() => {})))
  })
})
