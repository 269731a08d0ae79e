using Aperture.Plugins.Eas.Adapters;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Dropout while training: in encoder and cross-modal layers from libtorch's own generator, in adapters from theirs.</summary>
/// <param name="Rate">Fraction that is set to zero.</param>
/// <param name="Adapters">The adapters' dropout.</param>
internal sealed record MeterDropout(double Rate, SeededDropout Adapters);
