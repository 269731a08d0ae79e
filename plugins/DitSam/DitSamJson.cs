using System.Text.Json.Serialization;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Plugins.DitSam.Training;

namespace Aperture.Plugins.DitSam;

/// <summary>JSON of the plugin's options; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(SamOptions))]
[JsonSerializable(typeof(DitOptions))]
[JsonSerializable(typeof(DitTrainingOptions))]
internal sealed partial class DitSamJson : JsonSerializerContext;
