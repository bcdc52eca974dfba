import { Command } from 'commander'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { influxCommands } from '../../src/cli/influx.ts'
import { startInfluxd } from '../support/influxd.ts'

/** Runs a command; gives what it printed. */
const run = async (...words: string[]): Promise<string> => {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  influxCommands(program)
  for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
    command.exitOverride().configureOutput({ writeErr: () => {} })
  let text = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  try {
    await program.parseAsync(['node', 'gridtally', 'influx', ...words])
  } finally {
    write.mockRestore()
  }
  return text
}

describe('gridtally influx', () => {
  it('shows, sets up, and has nothing left to do', async () => {
    const server = await startInfluxd()
    onTestFinished(() => server.destroy())
    await server.query('CREATE DATABASE gridtally')
    const setup = ['setup', '--url', server.url, '--timezone', 'Asia/Kolkata']
    expect(await run(...setup)).toMatch(
      /policy gridtally_hour is not there[\s\S]*time\(1d, 1110m\)[\s\S]*nothing was changed: --apply does it/,
    )
    expect(await server.query('SHOW RETENTION POLICIES', 'gridtally')).toMatchObject([
      { values: [['autogen']].map(() => expect.anything()) },
    ])
    expect(await run(...setup, '--apply')).toContain('8 statements were carried out')
    expect(await run(...setup, '--apply')).toMatch(/nothing is missing\n0 statements/)
    expect(JSON.parse(await run(...setup, '--since', '2026-11-01', '--json'))).toMatchObject({
      raw: 'autogen',
      steps: [],
      applied: false,
      done: 0,
    })
    await expect(run('setup', '--url', server.url, '--database', 'nowhere')).rejects.toThrow('nowhere')
  })

  it.each([
    [['--raw-days', '0'], 'a number of days'],
    [['--since', 'yesterday'], 'a date or an instant'],
    [['--timezone', 'Mars/Olympus', '--url', 'http://127.0.0.1:1'], 'is no time zone'],
    [['--dry-run', '--apply'], 'cannot be used'],
  ])('refuses %j', async (words, why) => await expect(run('setup', ...words)).rejects.toThrow(why))

  it.each([
    ['v2', 'option task = {name: "gridtally_instant_1h_mean", every: 1h'],
    ['v3', "date_bin(INTERVAL '1 hour', time)"],
  ])('prints what a %s server has instead', async (server, text) => {
    const printed = await run('tasks', '--server', server)
    expect(printed).toContain(text)
    // What was set aside takes no part there either.
    expect(printed).toMatch(/quality < 64/)
  })
})
