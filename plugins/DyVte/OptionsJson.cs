using System.Text.Json.Serialization;
using Aperture.Models;
using Aperture.Plugins.DyVte.FastV;
using Aperture.Plugins.DyVte.Training;

namespace Aperture.Plugins.DyVte;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(DyVteOptions))]
[JsonSerializable(typeof(FastVOptions))]
[JsonSerializable(typeof(GateTrainingOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
