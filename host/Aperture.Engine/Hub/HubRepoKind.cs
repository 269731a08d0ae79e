using Aperture.Models;

namespace Aperture.Hub;

/// <summary>What a repository of the hub holds.</summary>
public enum HubRepoKind
{
    /// <summary>A model.</summary>
    Model,

    /// <summary>A data set.</summary>
    Dataset,

    /// <summary>A space.</summary>
    Space,
}
