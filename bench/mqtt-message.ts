/** As Tasmota sends it: 12 figures, of which nine are stored. */
export const messageOf = (meter: number, second: number): string =>
  JSON.stringify({
    Time: new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().slice(0, 19),
    ENERGY: {
      TotalStartTime: '2022-09-24T18:51:27',
      Total: Number((1000 + meter + second / 1000).toFixed(3)),
      Yesterday: 1.234,
      Today: 0.567,
      Period: 12,
      Power: 100 + (second % 900),
      ApparentPower: 120 + (second % 900),
      ReactivePower: 35,
      Factor: 0.95,
      Voltage: 225 + (second % 20),
      Current: Number((0.5 + (second % 100) / 100).toFixed(3)),
      Frequency: 49.98,
    },
    TempUnit: 'C',
    ESP32: { Temperature: 41.7 },
  })
