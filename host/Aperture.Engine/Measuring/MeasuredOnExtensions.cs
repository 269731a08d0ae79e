using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Measuring;

/// <summary>Tells what a model computes on.</summary>
public static class MeasuredOnExtensions
{
    extension(MeasuredOn)
    {
        /// <summary>What a model computes on.</summary>
        /// <param name="ops">The model's operations.</param>
        public static MeasuredOn Of(Ops ops) => new(ops.Type, ops.Device.ToString(), ops.Threads, ProcessorName.Of(ops.Device))
        {
            Weights = ops.Weights == WeightFormat.Stored ? null : ops.Weights.ToString().ToLowerInvariant(),
            Cache = ops.Cache == CacheFormat.Computed ? null : ops.Cache.ToString().ToLowerInvariant(),
        };
    }
}
