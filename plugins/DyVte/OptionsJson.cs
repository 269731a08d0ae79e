using System.Text.Json.Serialization;
using Aperture.Plugins.DyVte.FastV;

namespace Aperture.Plugins.DyVte;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(DyVteOptions))]
[JsonSerializable(typeof(FastVOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;
