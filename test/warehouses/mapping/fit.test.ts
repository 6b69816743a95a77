import { expect, test } from 'vitest'
import { fit } from '../../../src/warehouses/mapping/fit.ts'
import type { MappedColumnType } from '../../../src/warehouses/mapping/types.ts'
import cases from './fit.json' with { type: 'json' }

test.each(cases)(
  'the value $value of type $from in a column of $to gives $fits $discard',
  ({ value, from, to, ...want }) => {
    expect(fit(value, from as MappedColumnType, to as MappedColumnType)).toEqual(
      want.discard === undefined ? { value: want.fits } : { discard: want.discard },
    )
  },
)
