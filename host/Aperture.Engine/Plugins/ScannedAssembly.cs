using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>What the metadata of a DLL says, read without loading it.</summary>
/// <param name="File">Path relative to the plugin's folder.</param>
/// <param name="Name">The assembly's name; null for a native library.</param>
/// <param name="Version">The assembly's version.</param>
/// <param name="References">The assemblies it refers to.</param>
/// <param name="EntryTypes">Full names of the types that can be a plugin's entry.</param>
/// <param name="UnusableEntryTypes">Types that implement the interface but cannot be made, with the reason.</param>
/// <param name="Pins">What it uses that is known to keep a plugin in memory.</param>
/// <param name="Broken">Why the file cannot be read as an assembly; null if it can, or is native.</param>
internal sealed record ScannedAssembly(
    string File,
    string? Name,
    Version? Version,
    IReadOnlyList<AssemblyName> References,
    IReadOnlyList<string> EntryTypes,
    IReadOnlyList<string> UnusableEntryTypes,
    IReadOnlyList<string> Pins,
    string? Broken)
{
    private static readonly string _entryInterface = typeof(IAperturePlugin).FullName!;

    public static ScannedAssembly Read(string folder, string path)
    {
        string file = Path.GetRelativePath(folder, path);
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using PEReader image = new(stream);
            if (!image.HasMetadata)
            {
                return Without(file, null);
            }

            MetadataReader metadata = image.GetMetadataReader();
            if (!metadata.IsAssembly)
            {
                return Without(file, "a module, not an assembly");
            }

            AssemblyDefinition definition = metadata.GetAssemblyDefinition();
            List<string> entries = [];
            List<string> unusable = [];
            FindEntryTypes(metadata, entries, unusable);
            return new ScannedAssembly(
                file,
                metadata.GetString(definition.Name),
                definition.Version,
                [.. metadata.AssemblyReferences.Select(handle => Reference(metadata, handle))],
                entries,
                unusable,
                FindPins(metadata),
                null);
        }
        catch (BadImageFormatException error)
        {
            return Without(file, error.Message.TrimEnd('.'));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Without(file, error.Message.TrimEnd('.'));
        }
    }

    private static ScannedAssembly Without(string file, string? broken) => new(file, null, null, [], [], [], [], broken);

    private static AssemblyName Reference(MetadataReader metadata, AssemblyReferenceHandle handle)
    {
        AssemblyReference reference = metadata.GetAssemblyReference(handle);
        return new AssemblyName { Name = metadata.GetString(reference.Name), Version = reference.Version };
    }

    private static void FindEntryTypes(MetadataReader metadata, List<string> entries, List<string> unusable)
    {
        foreach (TypeDefinitionHandle handle in metadata.TypeDefinitions)
        {
            TypeDefinition type = metadata.GetTypeDefinition(handle);
            if ((type.Attributes & (TypeAttributes.Abstract | TypeAttributes.Interface)) != 0 || !Implements(metadata, type))
            {
                continue;
            }

            string name = FullName(metadata, type.Namespace, type.Name);
            if ((type.Attributes & TypeAttributes.VisibilityMask) != TypeAttributes.Public)
            {
                unusable.Add($"{name} is not public");
            }
            else if (type.GetGenericParameters().Count > 0)
            {
                unusable.Add($"{name} is generic");
            }
            else if (!HasPublicParameterlessConstructor(metadata, type))
            {
                unusable.Add($"{name} has no public parameterless constructor");
            }
            else
            {
                entries.Add(name);
            }
        }
    }

    // The interface may stand on a base class of the same assembly. The walk is bounded, because a damaged file can make a base class its own base.
    private static bool Implements(MetadataReader metadata, TypeDefinition type)
    {
        for (int depth = 0; depth < 32; depth++)
        {
            foreach (InterfaceImplementationHandle handle in type.GetInterfaceImplementations())
            {
                EntityHandle contract = metadata.GetInterfaceImplementation(handle).Interface;
                if (contract.Kind == HandleKind.TypeReference)
                {
                    TypeReference reference = metadata.GetTypeReference((TypeReferenceHandle)contract);
                    if (FullName(metadata, reference.Namespace, reference.Name) == _entryInterface)
                    {
                        return true;
                    }
                }
            }

            if (type.BaseType.IsNil || type.BaseType.Kind != HandleKind.TypeDefinition)
            {
                return false;
            }

            type = metadata.GetTypeDefinition((TypeDefinitionHandle)type.BaseType);
        }

        return false;
    }

    private static bool HasPublicParameterlessConstructor(MetadataReader metadata, TypeDefinition type)
    {
        foreach (MethodDefinitionHandle handle in type.GetMethods())
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            if (metadata.StringComparer.Equals(method.Name, ".ctor") && (method.Attributes & MethodAttributes.MemberAccessMask) == MethodAttributes.Public)
            {
                BlobReader signature = metadata.GetBlobReader(method.Signature);
                signature.ReadSignatureHeader();
                if (signature.ReadCompressedInteger() == 0)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static List<string> FindPins(MetadataReader metadata)
    {
        List<string> pins = [];
        foreach (AssemblyReferenceHandle handle in metadata.AssemblyReferences)
        {
            if (metadata.StringComparer.Equals(metadata.GetAssemblyReference(handle).Name, "Newtonsoft.Json"))
            {
                pins.Add("Newtonsoft.Json");
            }
        }

        foreach (TypeReferenceHandle handle in metadata.TypeReferences)
        {
            TypeReference type = metadata.GetTypeReference(handle);
            if (metadata.StringComparer.Equals(type.Name, "TypeDescriptor") && metadata.StringComparer.Equals(type.Namespace, "System.ComponentModel"))
            {
                pins.Add("System.ComponentModel.TypeDescriptor");
            }
        }

        return pins;
    }

    private static string FullName(MetadataReader metadata, StringHandle space, StringHandle name) =>
        space.IsNil ? metadata.GetString(name) : $"{metadata.GetString(space)}.{metadata.GetString(name)}";
}
