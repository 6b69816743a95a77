// `@rs/localizeAppleDeviceModel/v1` of RudderStack's transformations: the name of a device, as it is sold.
import devices from 'ios-device-list/devices-min.json' with { type: 'json' }

const names = new Map(devices.map(({ model, name }) => [model, name]))

/**
 * Names an Apple device.
 *
 * @param model its identifier, such as `iPhone14,2`
 * @returns its name, such as `iPhone 13 Pro`; the identifier itself where the list does not know it
 */
export const getLocalizedDeviceModel = (model: string): string => names.get(model) ?? model

export default getLocalizedDeviceModel
