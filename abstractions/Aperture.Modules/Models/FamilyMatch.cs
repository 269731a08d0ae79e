namespace Aperture.Models;

/// <summary>How surely a family recognises a folder. The surest wins; among equals the plugin that stands first.</summary>
public enum FamilyMatch
{
    /// <summary>It is none of the family's.</summary>
    None,

    /// <summary>It looks like one, but does not name itself so: another family may know better.</summary>
    Shape,

    /// <summary>It names itself one.</summary>
    Named,
}
