import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it, onTestFinished } from 'vitest'
import { interchangeCommands } from '../../src/cli/interchange.ts'
import { scratch } from '../support/processes.ts'

/** A server that answers as it is told, and the commands that ask it. */
const serve = async (answer: (response: ServerResponse, url: string) => void) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(response, request.url ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  const run = (...words: string[]) => {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
    interchangeCommands(program)
    for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
      command.exitOverride().configureOutput({ writeErr: () => {} })
    return program.parseAsync([
      'node',
      'gridtally',
      'interchange',
      ...words,
      '--url',
      `http://127.0.0.1:${address.port}`,
      '--token',
      'gt_x',
    ])
  }
  return { run, asked }
}
const CIM = ['cim', '--from', '2026-11-01T00:00:00+08:00', '--to', '2026-12-01T00:00:00+08:00']

describe('gridtally interchange', () => {
  it('asks what the options say and writes the whole message', async () => {
    const folder = scratch()
    const { run, asked } = await serve((response) => response.end('<MeterReadings/>'))
    const out = join(folder, 'november.xml')
    await run(...CIM, '--point', 'P-1', 'P-2', '--content', 'registers', 'intervals', '--side', 'displayed', '--out', out)
    expect(readFileSync(out, 'utf8')).toBe('<MeterReadings/>')
    expect(readdirSync(folder)).toEqual(['november.xml'])
    const url = new URL(asked[0] ?? '', 'http://x')
    expect([url.pathname, Object.fromEntries(url.searchParams)]).toEqual([
      '/api/v1/interchange/cim/meter-readings',
      {
        ...{ from: '2026-11-01T00:00:00+08:00', to: '2026-12-01T00:00:00+08:00', point: 'P-1,P-2', content: 'registers,intervals' },
        ...{ period: 'day', side: 'displayed', format: 'xml' },
      },
    ])
  })

  it('keeps no file of a message that broke off', async () => {
    const out = join(scratch(), 'feed.xml')
    const { run, asked } = await serve((response) => {
      // An orderly end of the connection inside the body: the last chunk never comes.
      response.write('<feed>', () => response.socket?.end())
    })
    await expect(run('espi', 'P/1 ', '--out', out)).rejects.toThrow('broke off')
    expect([existsSync(out), existsSync(`${out}.part`)]).toEqual([false, false])
    expect(asked[0]).toBe('/api/v1/interchange/espi/usage-points/P%2F1%20/feed.xml?period=1h')
  })

  it('says where it cannot write', async () => {
    const { run } = await serve((response) => response.end('<feed/>'))
    await expect(run('espi', 'P-1', '--out', join(scratch(), 'nowhere', 'feed.xml'))).rejects.toThrow('cannot be written')
  })

  it('says why it was refused, and what helps', async () => {
    const { run } = await serve((response) => {
      response.statusCode = 404
      response.end(JSON.stringify({ detail: 'there is no point "P-9"', hint: 'GET /api/v1/points lists them' }))
    })
    await expect(run('espi', 'P-9')).rejects.toThrow('404: there is no point "P-9"; GET /api/v1/points lists them')
  })

  it('takes no period that there is not', async () => {
    const { run, asked } = await serve((response) => response.end())
    await expect(run('espi', 'P-1', '--period', 'week')).rejects.toThrow()
    expect(asked).toEqual([])
  })
})
