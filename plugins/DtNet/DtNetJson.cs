using System.Text.Json.Serialization;
using Aperture.Plugins.DtNet.Training;

namespace Aperture.Plugins.DtNet;

/// <summary>JSON of options and small files; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(DtNetOptions))]
[JsonSerializable(typeof(CaptionTrainingOptions))]
[JsonSerializable(typeof(RoutedEncoderOptions))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class DtNetJson : JsonSerializerContext;
