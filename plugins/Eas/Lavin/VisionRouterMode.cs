using System.Text.Json.Serialization;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>What the routers of LaVIN's vision adapters read.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<VisionRouterMode>))]
internal enum VisionRouterMode
{
    /// <summary>Each picture's own patch tokens, their mean, as LaVIN-EAS does.</summary>
    Eas,

    /// <summary>
    /// LaVIN's: its tower hands adapters the batch with tokens in front, so that each token position is weighed for itself, by what the batch's first picture
    /// has there. A picture's features then depend on its batch.
    /// </summary>
    Lavin,
}
