using System.Text.Json.Serialization;

namespace Aperture.Plugins.DtNet.Paths;

/// <summary>What is made of the routers' weights.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RouteMode>))]
internal enum RouteMode
{
    /// <summary>Every cell runs and counts with its weight, as published.</summary>
    Soft,

    /// <summary>The heaviest cell of each stage runs alone.</summary>
    Argmax,

    /// <summary>The heaviest few cells of each stage run, and their weights are scaled to sum to 1.</summary>
    Top,

    /// <summary>Cells at or above a threshold run, the heaviest in any case, and their weights are scaled to sum to 1.</summary>
    Threshold,

    /// <summary>Every cell counts the same for every picture: static paths.</summary>
    Static,

    /// <summary>One cell of each stage, drawn at random for each picture.</summary>
    Random,
}
