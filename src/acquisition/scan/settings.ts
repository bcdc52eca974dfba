import type { ScanMode, ScanSetting } from './types.ts'

/** Speeds and formats of meters, the likely ones first: DL/T 645 is 2400 8E1 by standard, Modbus meters leave the factory with 9600. */
const BAUDS = [2400, 9600, 19_200, 4800, 1200, 38_400, 57_600, 115_200] as const
const FORMATS = ['8E1', '8N1', '8O1', '8N2'] as const
const LIKELY = ['9600 8N1', '2400 8E1', '9600 8E1', '19200 8E1', '2400 8N1', '19200 8N1', '1200 8E1', '4800 8E1', '4800 8N1']

/** Character formats and speeds to try, in order. */
export const settingsOf = (
  mode: ScanMode,
  only: { readonly bauds?: readonly number[] | undefined; readonly formats?: readonly string[] | undefined },
): readonly ScanSetting[] => {
  const all = FORMATS.flatMap((format) => BAUDS.map((baud) => ({ baud, format })))
  const wanted: ScanSetting[] =
    only.bauds || only.formats
      ? (only.formats ?? FORMATS).flatMap((format) => (only.bauds ?? BAUDS).map((baud) => ({ baud, format })))
      : [...all]
  const rank = ({ baud, format }: ScanSetting) => {
    const at = LIKELY.indexOf(`${baud} ${format}`)
    return at < 0 ? LIKELY.length : at
  }
  const sorted = wanted.map((setting, at) => ({ setting, at })).sort((a, b) => rank(a.setting) - rank(b.setting) || a.at - b.at)
  const settings = sorted.map(({ setting }) => setting)
  return mode === 'quick' && !only.bauds && !only.formats ? settings.slice(0, 4) : settings
}

export const settingText = ({ baud, format }: ScanSetting): string => (baud === null ? 'tcp' : `${baud} ${format}`)

/** Times of a mode, milliseconds. A DL/T 645 meter may take 500 ms, a Modbus meter mostly takes less than 100. */
export const TIMES: Readonly<Record<ScanMode, Times>> = {
  quick: { dlt645: 350, modbus: 120, tcp: 200, leastDlt645: 120, leastModbus: 60 },
  normal: { dlt645: 550, modbus: 250, tcp: 400, leastDlt645: 250, leastModbus: 100 },
  thorough: { dlt645: 900, modbus: 600, tcp: 1000, leastDlt645: 550, leastModbus: 250 },
}

/** Longest reactions at first; what is learnt of the meters of a line shortens them, never below the least. */
interface Times {
  readonly dlt645: number
  readonly modbus: number
  /** Modbus behind a serial server, whose speed nobody knows. */
  readonly tcp: number
  readonly leastDlt645: number
  readonly leastModbus: number
}
