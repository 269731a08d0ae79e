using System.Text.Json.Serialization;
using Aperture.Models;
using Aperture.Plugins.Eas.Search;
using Aperture.Plugins.Eas.Training;

namespace Aperture.Plugins.Eas;

/// <summary>JSON of the option records; names as users write them.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(EasOptions))]
[JsonSerializable(typeof(EasTrainingOptions))]
internal sealed partial class OptionsJson : JsonSerializerContext;

/// <summary>JSON of the files.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(SearchResult))]
internal sealed partial class FilesJson : JsonSerializerContext;
